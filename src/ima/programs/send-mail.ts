// server-send-mail: a message to the servers of its recipients, all of them or none.   spec: ima 1.3, 2.10

import { systemResolver } from '../../net/resolver.ts';
import type { Outcome } from '../incoming.ts';
import type { Letter } from '../letter.ts';
import { splitWords } from '../routing/words.ts';
import { runProgram } from '../running.ts';
import { failureLines, send } from '../sending/send.ts';
import type { SettingsOf } from '../settings.ts';
import { loadCertificate, loadTrust } from '../trust/load.ts';
import { handleWith, readTable } from './handle-incoming-mail.ts';
import { letterFromInput } from './input.ts';
import { type Call, type Program, settingsFor } from './program.ts';

type Settings = SettingsOf<'server-send-mail'>;

export const sendMail: Program<'server-send-mail'> = {
  name: 'server-send-mail',
  about:
    'Sends a message to the servers of its recipients. No data go anywhere unless every server could take it. The message is read from FILE, or from standard input.',
  usage: '[FILE]',
  async run(call) {
    const { settings, clock, random } = call;
    await using letter = await letterFromInput(call.positionals[0], call.stdin);
    const [own, trust] = await Promise.all([loadCertificate(settings), loadTrust(settings)]);
    const table = settings.routing_table === '' ? undefined : await readTable(settings.routing_table);
    const sent = await send({
      letter,
      ...{ trust, own, clock },
      directions: { resolver: systemResolver, random, fixed: new Map(settings.static_hosts) },
      hostparts: settings.hostparts,
      unknownHere: async (addresses) => table?.missing(addresses) ?? [],
      deliverHere: (here, say) => deliverHere(settings, here, call, say),
      say: call.say,
    });
    if (sent.kind === 'sent') return sent.outcome;
    for (const line of failureLines(sent.failures)) await call.say(line);
    return 1;
  },
};

async function deliverHere(
  { handler, handler_config }: Settings,
  letter: Letter,
  { clock, random, signal }: Call<unknown>,
  say: (line: string) => Promise<void>,
): Promise<Outcome> {
  if (handler === '') {
    const settings = await settingsFor('server-handle-incoming-mail', handler_config || undefined);
    return handleWith(settings, letter, undefined, { clock, random, signal, say });
  }
  const words = splitWords(handler);
  const line = (octets: Buffer) => say(octets.toString('utf8'));
  const status = await runProgram({ words, letter, environment: {}, clock, signal, line });
  return status === 0 || status === 2 ? status : 1;
}
