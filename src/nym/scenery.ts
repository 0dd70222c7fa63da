// What the demo of Underhill is played on: a nymserver with its remailer and its gateway, the mail server of somebody outside, and a
// nymholder at her machine.

import { once } from 'node:events';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { silentLog } from '../base/log.ts';
import { noMetrics } from '../base/metrics.ts';
import { systemRandom } from '../base/random.ts';
import { formatSize } from '../base/text.ts';
import { type Clock, DAY, HOUR, MINUTE, sleep, systemClock, type VirtualClock } from '../base/time.ts';
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
/** Alice looks when a mail has come, and now and then without. */
const LOOK_EVERY = 6 * HOUR;
/** Of the network's time: as long as a batch takes. */
const TURN = 2 * MINUTE;
/** What files, sockets and threads get between two turns, in milliseconds of the machine. */
const BREATH = 12;
/** Enough for something to be lost on its way, and said again. */
const PATIENCE = 10 * DAY;
/** A connection's: the clock may run on while a slow machine is still at it. */
export const LINK_PATIENCE = '1 d';

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
  given: { readonly net: Testnet; readonly clock: VirtualClock; readonly domain: string; readonly relayPort: number },
) {
  const { net, clock, domain, relayPort } = given;
  await using opening = new AsyncDisposableStack();
  const { post, houseOf } = await openHouse(path, clock, opening);
  const nymserver = await nym.open(await houseOf('nym', domain), nymSettings.parse({ domain, reply_path: '*2' }));
  opening.defer(() => nymserver.close(0));
  const set = { mbox: { enabled: true, return_address: `nobody@${domain}` }, smtp: {}, timeout: LINK_PATIENCE };
  const remailer = await mix.open(await houseOf('mix', LOOPBACK), remailerOn(await freePort(), NODE, net.at, set));
  opening.defer(() => remailer.close(0));
  const ordinary = await houseOf('smtp', domain);
  const gateway = await smtp.open(
    { ...ordinary, post: { ...post, clock: systemClock } }, // the world outside keeps its own time
    smtpSettings.parse({
      ...ANY_PORT,
      domains: [domain],
      check_senders: false,
      relay: `${LOOPBACK}:${relayPort}`,
      relay_tls: 'none',
    }),
  );
  opening.defer(() => gateway.close(0));
  await turn(clock, 'the remailer is listed', async () => {
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
    /** All that it keeps, when the store has cleared away what is over, as an office does every few minutes. */
    async disk(): Promise<Buffer[]> {
      await post.store.sweep(clock.now());
      const files = (await readdir(path, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
      return Promise.all(files.map(({ parentPath, name }) => readFile(join(parentPath, name))));
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** Somebody with a home in the network, who asks for a nym: looks for mail, says what is due, sends it. */
export async function openAlice(net: Testnet, clock: VirtualClock, folder: string, address: string) {
  const [name = '', domain = ''] = address.split('@');
  let [seen, looked] = [0, 0];
  const withNyms = async <T>(work: (nyms: Nyms) => Promise<T>): Promise<T> => {
    let settings: Mix3Client['settings'];
    let done: T;
    {
      await using client = await Mix3Client.open({ folder, clock });
      ({ settings } = client);
      await client.updateDirectory();
      const answersTo = { type: 'email', address: settings.surbs.address } as const;
      const nyms = await Nyms.open({ client, folder, answersTo, clock, random: systemRandom });
      const mails = await net.mail.mails('alice');
      for (const mail of mails.slice(seen)) await nyms.receive(mail);
      [seen, looked] = [mails.length, clock.now()];
      done = await work(nyms);
      await nyms.tend();
    }
    await flushFolder({ folder, settings, clock });
    return done;
  };
  const hasCome = async () => (await net.mail.mails('alice')).length > seen;
  await withNyms((nyms) => nyms.create([name], domain, false));
  return {
    do: <T>(work: (holder: Nymholder) => Promise<T>) => withNyms((nyms) => work(nyms.find())),
    until: (what: string, isSo: (holder: Nymholder) => boolean) =>
      turn(clock, what, async () => {
        if (clock.now() - looked < LOOK_EVERY && !(await hasCome())) return false;
        return withNyms(async (nyms) => isSo(nyms.find()));
      }),
  };
}

/** Turns the clock until it holds. Nothing that is awaited in `isSo` can be late: time stands still meanwhile. */
export async function turn(clock: VirtualClock, what: string, isSo: () => Promise<boolean> | boolean): Promise<void> {
  for (const end = clock.now() + PATIENCE; clock.now() < end; ) {
    if (await isSo()) return;
    await clock.advance(TURN);
    await sleep(systemClock, BREATH);
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
