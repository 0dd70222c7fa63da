// server-receive: takes mail from other servers and gives each message to a command.   spec: ima 1.2, 1.3

import { once } from 'node:events';
import { formatEndpoint } from '../../net/endpoint.ts';
import { Ports } from '../../net/ports.ts';
import { Receiver, type Receiving } from '../imdp/receiving.ts';
import { loadTrust } from '../trust/load.ts';
import { ASK_FOR_CERTIFICATE } from '../trust/peer.ts';
import { commandFor } from './command.ts';
import { handleWith, readTable } from './handle-incoming-mail.ts';
import { becomeUser } from './privileges.ts';
import { type Call, type Program, settingsFor } from './program.ts';
import { readKeyPair } from './secrets.ts';

const GRACE = 4000;

export const receive: Program<'server-receive'> = {
  name: 'server-receive',
  about: 'Takes mail from other servers (IMDP) and gives each message to the handler.',
  usage: '',
  example: 'server-receive --config /etc/postern/server-receive.toml',
  async run(call) {
    const { settings, clock, signal, complain } = call;
    const identity = await readKeyPair(settings);
    const trust = await loadTrust(settings, settings.client_eku);
    const table =
      settings.early_recipients && settings.routing_table !== '' ? await readTable(settings.routing_table) : undefined;
    const handle = await handlerOf(call);
    const receiving: Receiving = {
      trust,
      clock,
      host: settings.hostparts[0] ?? 'localhost',
      hostparts: settings.hostparts,
      maxSize: settings.max_size,
      refused: settings.refused,
      folder: undefined,
      handle,
      count: (outcome) => complain(outcome),
      ...(table === undefined ? {} : { unknownHere: (addresses) => table.missing(addresses) }),
    };
    const receiver = new Receiver(() => receiving);
    const ports = new Ports();
    const limits = { connections: settings.connections, perAddress: settings.connections_per_address };
    await ports.use(
      settings.listen.map((at) => ({
        what: 'IMDP',
        ...{ at, identity, limits, clock, tls: ASK_FOR_CERTIFICATE },
        serve: (connection, socket) => receiver.serve(connection, socket),
      })),
    );
    becomeUser(settings.user, complain);
    for (const { at } of ports.listening) complain(`listening on ${formatEndpoint(at)}`);
    if (!signal.aborted) await once(signal, 'abort');
    await ports.close(GRACE);
    return 0;
  },
};

async function handlerOf({
  settings,
  clock,
  random,
  signal,
}: Call<Parameters<typeof receive.run>[0]['settings']>): Promise<Receiving['handle']> {
  if (settings.handler === '') {
    const handling = await settingsFor('server-handle-incoming-mail', settings.handler_config);
    return (letter, sender, say) => handleWith(handling, letter, sender, { clock, random, signal, say });
  }
  return commandFor(settings.handler, { clock, signal });
}
