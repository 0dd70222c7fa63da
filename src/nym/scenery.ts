// What the demo of Underhill is played on: a nymserver with its remailer and its gateway, the mail server of somebody outside, and a
// nymholder at her machine.

import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { silentLog } from '../base/log.ts';
import { noMetrics } from '../base/metrics.ts';
import { systemRandom } from '../base/random.ts';
import { formatSize } from '../base/text.ts';
import { type Clock, MINUTE, sleep, systemClock } from '../base/time.ts';
import { flushFolder } from '../mixminion/client/flushing.ts';
import { Mix3Client } from '../mixminion/client/mix3-client.ts';
import { mix } from '../mixminion/node/counter.ts';
import { remailerOn } from '../mixminion/testnet/settings.ts';
import type { Testnet } from '../mixminion/testnet/testnet.ts';
import { fixedResolver } from '../net/resolver.ts';
import { makeSelfSigned, makeTlsKey } from '../net/tls-identity.ts';
import type { House } from '../post/counter.ts';
import { LocalDelivery } from '../post/local-delivery.ts';
import { OutgoingMail } from '../post/outgoing-mail.ts';
import type { Post } from '../post/post.ts';
import { Services } from '../post/services.ts';
import { smtp } from '../smtp/counter.ts';
import { settings as smtpSettings } from '../smtp/settings.ts';
import { openSqliteStore } from '../store/sqlite/open.ts';
import { nym } from './counter.ts';
import type { Nymholder } from './holder/holder.ts';
import { Nyms } from './holder/nyms.ts';
import { describeNym } from './server/operator.ts';
import { settings as nymSettings } from './server/settings.ts';
import { SurbStock } from './server/surb-stock.ts';
import { Vault } from './server/vault.ts';

export const LOOPBACK = '127.0.0.1';
const OWNER_ONLY = 0o700;
const NODE = 'Gull';
const ANY_PORT = { listen: [`${LOOPBACK}:0`], listen_submission: [], listen_submissions: [] };
const LOOK_EVERY = 250;
/** Of the machine's time: many times what a step takes. */
const PATIENCE = 5 * MINUTE;

/** An office of its own; `houseOf` gives each of its counters a folder. */
async function openHouse(path: string, clock: Clock, stack: AsyncDisposableStack) {
  await mkdir(path, { recursive: true, mode: OWNER_ONLY });
  const store = await openSqliteStore({ file: join(path, 'store.db') });
  stack.defer(() => store.close());
  const post: Post = {
    ...{ store, clock, random: systemRandom, log: silentLog, metrics: noMetrics, resolver: fixedResolver({}) },
    local: new LocalDelivery(),
    outgoing: new OutgoingMail(),
    services: new Services(),
  };
  const identity = await makeSelfSigned('localhost', makeTlsKey(), systemClock.now());
  const houseOf = async (counter: string, hostname: string): Promise<House> => {
    const folder = join(path, counter);
    await mkdir(folder, { recursive: true, mode: OWNER_ONLY });
    return { post, identity, folder, hostname };
  };
  return { post, houseOf };
}

/** The mail server of the owner of `address`. */
export async function openOutside(path: string, address: string) {
  await using opening = new AsyncDisposableStack();
  const { post, houseOf } = await openHouse(path, systemClock, opening);
  const mails: Buffer[] = [];
  post.local.register({
    name: 'outside',
    owns: async (asked) => asked === address,
    async deliver({ message }) {
      mails.push(Buffer.from(message));
      return 'stored';
    },
  });
  const gateway = await smtp.open(
    await houseOf('smtp', 'outside.test'),
    smtpSettings.parse({ ...ANY_PORT, domains: ['outside.test'], check_senders: false }),
  );
  opening.defer(() => gateway.close(0));
  const stack = opening.move();
  return { mails, port: gateway.listening[0]?.at.port ?? 0, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

/** A remailer of the network that is a nymserver as well; its ordinary mail leaves by `relayPort`. Resolves when it is listed. */
export async function openNymserver(
  path: string,
  { net, domain, relayPort }: { readonly net: Testnet; readonly domain: string; readonly relayPort: number },
) {
  await using opening = new AsyncDisposableStack();
  const { post, houseOf } = await openHouse(path, net.clock, opening);
  const nymserver = await nym.open(await houseOf('nym', domain), nymSettings.parse({ domain, reply_path: '*2' }));
  opening.defer(() => nymserver.close(0));
  const off = { mbox: {}, smtp: {}, fragmented: {} };
  const remailer = await mix.open(await houseOf('mix', LOOPBACK), remailerOn(await freePort(), NODE, net.at, off));
  opening.defer(() => remailer.close(0));
  const gateway = await smtp.open(
    await houseOf('smtp', domain),
    smtpSettings.parse({
      ...ANY_PORT,
      domains: [domain],
      check_senders: false,
      relay: `${LOOPBACK}:${relayPort}`,
      relay_tls: 'none',
    }),
  );
  opening.defer(() => gateway.close(0));
  await until('the remailer is listed', async () => {
    return (await net.directory()).getServers().some(({ nickname }) => nickname === NODE);
  });
  const stack = opening.move();
  const looking = { vault: new Vault(post), stock: new SurbStock(post) };
  return {
    port: gateway.listening[0]?.at.port ?? 0,
    async sees(name: string): Promise<[string, string][]> {
      const { used, surbs } = await describeNym(looking, name);
      return [
        ['nym', name],
        ['mail', `${used.messages}, ${formatSize(used.bytes)}, sealed to a key that it has not`],
        ['ways to its holder', `${surbs} reply blocks, each good for one packet; where they lead is sealed`],
      ];
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** Somebody with a home in the network, who asks for a nym: looks for mail, says what is due, sends it. */
export async function openAlice(net: Testnet, folder: string, address: string) {
  const { clock } = net;
  const [name = '', domain = ''] = address.split('@');
  let seen = 0;
  const withNyms = async <T>(work: (nyms: Nyms) => Promise<T>): Promise<T> => {
    let settings: Mix3Client['settings'];
    let done: T;
    {
      await using client = await Mix3Client.open({ folder, clock });
      ({ settings } = client);
      await client.updateDirectory({ force: true });
      const answersTo = { type: 'email', address: settings.surbs.address } as const;
      const nyms = await Nyms.open({ client, folder, answersTo, clock, random: systemRandom });
      const mails = await net.mail.mails('alice');
      for (const mail of mails.slice(seen)) await nyms.receive(mail);
      seen = mails.length;
      done = await work(nyms);
      await nyms.tend();
    }
    await flushFolder({ folder, settings, clock });
    return done;
  };
  await withNyms((nyms) => nyms.create([name], domain, false));
  return {
    do: <T>(work: (holder: Nymholder) => Promise<T>) => withNyms((nyms) => work(nyms.find())),
    until: (what: string, isSo: (holder: Nymholder) => boolean) =>
      until(what, () => withNyms(async (nyms) => isSo(nyms.find()))),
  };
}

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  for (const end = systemClock.now() + PATIENCE; systemClock.now() < end; ) {
    if (await isSo()) return;
    await sleep(systemClock, LOOK_EVERY);
  }
  throw new Error(`it takes too long until ${what}`);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, LOOPBACK);
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}
