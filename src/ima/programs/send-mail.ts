// server-send-mail: a message to the servers of its recipients, all of them or none.   spec: ima 1.3, 2.10

import { systemResolver } from '../../net/resolver.ts';
import { ImaError } from '../errors.ts';
import { type Outcome, outcomeOf } from '../incoming.ts';
import type { Letter } from '../letter.ts';
import { failureLines, type Sent, send } from '../sending/send.ts';
import { loadTrust } from '../trust/load.ts';
import { commandFor } from './command.ts';
import { handleWith, readTable } from './handle-incoming-mail.ts';
import { letterFromInput } from './input.ts';
import { becomeUser } from './privileges.ts';
import { type Call, type Program, settingsFor } from './program.ts';
import { keep, type QueueTools, retry } from './queue.ts';
import { readKeyPair } from './secrets.ts';
import type { SettingsOf } from './settings.ts';

type Settings = SettingsOf<'server-send-mail'>;
type Say = (line: string) => Promise<void>;
type Tools = Pick<Call<unknown>, 'clock' | 'random' | 'signal'> & { readonly say: Say };

export const sendMail: Program<'server-send-mail'> = {
  name: 'server-send-mail',
  about:
    'Sends a message to the servers of its recipients. No data go anywhere unless every server could take it. The message is read from FILE, or from standard input. Exit: 0 everybody has it, or it is kept for another try; 1 nobody; 2 some.',
  usage: '[FILE]',
  example: 'server-send-mail --config /etc/postern/server-send-mail.toml < message',
  options: { retry: { type: 'boolean' } },
  optionHelp: [
    [
      '--retry',
      'read no message, but try again what is due in the queue. Exit: 0 all of it is settled, 1 none, 2 some',
    ],
  ],
  async run(call) {
    const { settings, values, positionals, stdin } = call;
    const attempt = await attemptsWith(settings, call);
    becomeUser(settings.user);
    if (values['retry'] === true) {
      if (settings.queue === '') throw new ImaError('usage', 'there is no `queue` in the configuration');
      const done = await retry(queueOf(settings, attempt, call));
      return done.length === 0 ? 0 : outcomeOf(done);
    }
    await using letter = await letterFromInput(positionals[0], stdin);
    return sendOrKeep(settings, letter, attempt, call);
  },
};

/** The same inside another program. Gives the exit status. */
export async function sendWith(settings: Settings, letter: Letter, tools: Tools): Promise<Outcome> {
  return sendOrKeep(settings, letter, await attemptsWith(settings, tools), tools);
}

async function sendOrKeep(settings: Settings, letter: Letter, attempt: QueueTools['attempt'], tools: Tools) {
  const { say } = tools;
  const sent = await attempt(letter, say);
  if (sent.kind === 'sent') return sent.outcome;
  const lines = failureLines(sent.failures);
  if (settings.queue !== '' && sent.failures.every(({ temporary }) => temporary)) {
    await keep(queueOf(settings, attempt, tools), letter, lines);
    await say('NOTE kept, to be tried again');
    return 0;
  }
  for (const line of lines) await say(line);
  return 1;
}

function queueOf({ queue, hostparts }: Settings, attempt: QueueTools['attempt'], { clock, random }: Tools): QueueTools {
  return { folder: queue, host: hostparts[0] ?? 'localhost', clock, random, attempt };
}

/** Reads what every attempt needs. */
async function attemptsWith(settings: Settings, tools: Tools): Promise<(letter: Letter, say: Say) => Promise<Sent>> {
  const { clock, random } = tools;
  const [own, trust] = await Promise.all([readKeyPair(settings), loadTrust(settings)]);
  const table = settings.routing_table === '' ? undefined : await readTable(settings.routing_table);
  return (letter, say) =>
    send({
      ...{ letter, trust, own, clock, say },
      directions: { resolver: systemResolver, random, fixed: new Map(settings.static_hosts) },
      hostparts: settings.hostparts,
      unknownHere: async (addresses) => table?.missing(addresses) ?? [],
      deliverHere: (here, line) => deliverHere(settings, here, { ...tools, say: line }),
    });
}

async function deliverHere({ handler, handler_config }: Settings, letter: Letter, tools: Tools): Promise<Outcome> {
  if (handler === '')
    return handleWith(await settingsFor('server-handle-incoming-mail', handler_config), letter, undefined, tools);
  const status = await commandFor(handler, tools)(letter, undefined, tools.say);
  return status === 0 || status === 2 ? status : 1;
}
