// The gateway as a process that can be killed: a store in the folder named first, a smart host on the port named second, settings
// and what its name service knows as JSON, and somebody whose mail lies as it came in a mailbox of the store. Writes its ports to standard output.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { silentLog } from '../../src/base/log.ts';
import { noMetrics } from '../../src/base/metrics.ts';
import { systemRandom } from '../../src/base/random.ts';
import { DAY, systemClock } from '../../src/base/time.ts';
import { fixedResolver, type NameRecords } from '../../src/net/resolver.ts';
import { makeSelfSigned, makeTlsKey } from '../../src/net/tls-identity.ts';
import { LocalDelivery } from '../../src/post/local-delivery.ts';
import { OutgoingMail } from '../../src/post/outgoing-mail.ts';
import { Services } from '../../src/post/services.ts';
import { openGateway } from '../../src/smtp/counter.ts';
import { settings } from '../../src/smtp/settings.ts';
import { openSqliteStore } from '../../src/store/sqlite/open.ts';

const DOMAIN = 'here.test';
const USER = `alice@${DOMAIN}`;
const MAILBOX = 'test/alice';
const QUOTA = { bytes: 2 ** 40, messages: 1_000_000 };

const [folder = '', relay = '', changes = '{}', names = '{}'] = process.argv.slice(2);
const store = await openSqliteStore({ file: join(folder, 'store.db') });
await store.mailboxes.create({ id: MAILBOX, quota: QUOTA });
const post = {
  store,
  clock: systemClock,
  random: systemRandom,
  log: silentLog,
  metrics: noMetrics,
  resolver: fixedResolver(JSON.parse(names) as Record<string, NameRecords>),
  local: new LocalDelivery(),
  outgoing: new OutgoingMail(),
  services: new Services(),
};
post.local.register({
  name: 'test',
  owns: async (address) => address === USER,
  checkPassword: async (address, password) => address === USER && password === 'secret',
  deliver: async ({ message, once }) => {
    const rule = once === undefined ? {} : { once: { key: once, until: Date.now() + DAY } };
    const kept = await store.messages.append(MAILBOX, { body: message, arrived: 0, ...rule });
    return kept.status === 'no-mailbox' ? 'unknown' : kept.status;
  },
});
const any = ['127.0.0.1:0'];
await mkdir(join(folder, 'counter'), { recursive: true });
const open = await openGateway(
  {
    post,
    identity: await makeSelfSigned(DOMAIN, makeTlsKey(), Date.now()),
    folder: join(folder, 'counter'),
    hostname: DOMAIN,
  },
  settings.parse({
    ...{ listen: any, listen_submission: [], listen_submissions: any },
    ...{ mail_rate: '1000000/s', password_rate: '1000000/s', connections_per_address: 1000 },
    ...(JSON.parse(changes) as object),
    ...{ relay: `127.0.0.1:${relay}`, relay_tls: 'none', sending_per_domain: 16 },
  }),
  {},
);
process.stdout.write(`${open.listening.map(({ at }) => at.port).join(' ')}\n`);
process.on('SIGTERM', async () => {
  await open.close(1000);
  await store.close();
});
