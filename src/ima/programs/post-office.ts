// server-post-office: users fetch their mail from their mailbox directories.   spec: ima 1.3, 2.8

import { once } from 'node:events';
import { formatEndpoint } from '../../net/endpoint.ts';
import { Ports } from '../../net/ports.ts';
import { Reader, sharedMailboxes } from '../imrp/reading.ts';
import { mailboxPath } from '../mailbox/place.ts';
import { ASK_FOR_CERTIFICATE } from '../trust/peer.ts';
import { loadRoots } from '../trust/roots.ts';
import { readUsersFile, usersAmong } from '../users/users.ts';
import { becomeUser } from './privileges.ts';
import type { Program } from './program.ts';
import { readKeyPair, refuseOpenSecret } from './secrets.ts';

const GRACE = 4000;

export const postOffice: Program<'server-post-office'> = {
  name: 'server-post-office',
  about: 'Lets users fetch their mail (IMRP).',
  usage: '',
  example: 'server-post-office --config /etc/postern/server-post-office.toml',
  async run({ settings, clock, random, signal, complain }) {
    const identity = await readKeyPair(settings);
    await refuseOpenSecret(settings.users);
    const list = await readUsersFile(settings.users, (address) => mailboxPath(settings.mailboxes, address));
    const authorities =
      settings.user_ca.length === 0 ? undefined : await loadRoots({ extraCa: settings.user_ca, onlyExtraCa: true });
    const mailboxAt = sharedMailboxes({ clock, random });
    const office = {
      ...{ authorities, clock, random, users: usersAmong(() => list) },
      mailboxOf: ({ mailbox }: { readonly mailbox: string }) => mailboxAt(mailbox),
      count: () => {},
    };
    const reader = new Reader(() => office, clock);
    const ports = new Ports();
    const limits = { connections: settings.connections, perAddress: settings.connections_per_address };
    await ports.use(
      settings.listen.map((at) => ({
        what: 'IMRP',
        ...{ at, identity, limits, clock, tls: ASK_FOR_CERTIFICATE },
        serve: (connection, socket) => reader.serve(connection, socket),
      })),
    );
    becomeUser(settings.user, complain);
    for (const { at } of ports.listening) complain(`listening on ${formatEndpoint(at)}`);
    if (!signal.aborted) await once(signal, 'abort');
    await ports.close(GRACE);
    return 0;
  },
};
