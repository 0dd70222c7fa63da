// A whole Type III network in one process, on loopback ports: a directory server, remailers that are listed in it, and homes of
// people who send and read.

import { mkdir } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { replaceFile } from '../../base/files.ts';
import type { Log } from '../../base/log.ts';
import { noMetrics } from '../../base/metrics.ts';
import { type Random, systemRandom } from '../../base/random.ts';
import { type Clock, systemClock } from '../../base/time.ts';
import { RsaPrivateKey } from '../../crypto/rsa.ts';
import { systemResolver } from '../../net/resolver.ts';
import { makeSelfSigned, makeTlsKey } from '../../net/tls-identity.ts';
import type { OpenCounter } from '../../post/counter.ts';
import { LocalDelivery } from '../../post/local-delivery.ts';
import { OutgoingMail } from '../../post/outgoing-mail.ts';
import type { Post } from '../../post/post.ts';
import { Services } from '../../post/services.ts';
import { openSqliteStore } from '../../store/sqlite/open.ts';
import { directory } from '../authority/counter.ts';
import { keepIdentity } from '../authority/identity.ts';
import { Directory } from '../directory/directory.ts';
import { downloadDirectory } from '../directory/download.ts';
import type { MixSettings } from '../node/settings.ts';
import { Mailroom } from './mailroom.ts';
import { authorityOn, type DirectoryAt, personConfig, remailerOn, USERS_FILE, usersFile } from './settings.ts';
import { storePart } from './store-part.ts';
import { TestnetNode } from './testnet-node.ts';

const NAMES = ['Amber', 'Birch', 'Cedar', 'Dogwood', 'Elder', 'Fir'];
/** An identity key and a packet key for each. */
const KEYS_EACH = 2;
const KEY_BITS = 2048;
const AUTHORITY_KEY_BITS = 3072;
const OWNER_ONLY = 0o700;
/** Between two looks whether all remailers are listed, in milliseconds of the machine. */
const LOOK_EVERY = 50;
/** How often; in all that is more than a slow machine needs for its keys. */
const LOOKS = 1200;

export interface TestnetOptions {
  /** Made when it is missing; everything lies in it. */
  readonly folder: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly random?: Random;
  /** Six when not given. */
  readonly names?: readonly string[];
  /** What the remailers have set besides, as in a configuration file. */
  readonly changes?: Readonly<Record<string, unknown>>;
  /** Makes RSA keys; tests have some in store. */
  readonly generate?: (bits: number) => Promise<RsaPrivateKey>;
  /** Ends the opening: it rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Told while keys are made, which takes most of the time. */
  readonly onProgress?: (done: number, total: number) => void;
}

export class Testnet implements AsyncDisposable {
  readonly folder: string;
  readonly clock: Clock;
  readonly at: DirectoryAt;
  readonly nodes: readonly TestnetNode[];
  readonly mail: Mailroom;
  /** The directory server; it may be asked what its operator may ask. */
  readonly authority: OpenCounter<unknown>;
  readonly #stack: AsyncDisposableStack;

  private constructor(
    options: TestnetOptions,
    parts: Pick<Testnet, 'at' | 'nodes' | 'mail' | 'authority'> & { readonly stack: AsyncDisposableStack },
  ) {
    this.folder = options.folder;
    this.clock = options.clock;
    this.at = parts.at;
    this.nodes = parts.nodes;
    this.mail = parts.mail;
    this.authority = parts.authority;
    this.#stack = parts.stack;
  }

  /** Resolves when all remailers are listed. Rejects with what failed; nothing is left open then. */
  static async open(options: TestnetOptions): Promise<Testnet> {
    const { folder, clock, log, names = NAMES, changes, random = systemRandom, signal } = options;
    await using stack = new AsyncDisposableStack();
    const make = untilAborted(options.generate ?? RsaPrivateKey.generate, signal);
    const authorityKey = make(AUTHORITY_KEY_BITS);
    authorityKey.catch(() => {}); // awaited later
    const generate = keysAhead(make, names.length * KEYS_EACH, options.onProgress);
    await mkdir(folder, { recursive: true, mode: OWNER_ONLY });
    const store = stack.use(disposable(await openSqliteStore({ file: join(folder, 'store.db') })));
    const mail = new Mailroom(join(folder, 'mail'));
    const identity = await makeSelfSigned('localhost', makeTlsKey(), clock.now());
    const houseOf = async (name: string) => {
      const own = join(folder, 'servers', name.toLowerCase());
      await mkdir(own, { recursive: true, mode: OWNER_ONLY });
      const local = new LocalDelivery();
      local.register(mail);
      const post: Post = {
        ...{ clock, random, log, local, store: storePart(store, name), metrics: noMetrics, resolver: systemResolver },
        outgoing: new OutgoingMail(),
        services: new Services(),
      };
      return { post, identity, folder: own, hostname: '127.0.0.1' };
    };

    const [port = 0, ...ports] = await freePorts(1 + names.length);
    const house = await houseOf('directory');
    const settings = authorityOn(port);
    await keepIdentity(house.folder, await authorityKey);
    const authority = await directory.open(house, settings);
    stack.defer(() => authority.close(0));
    const status = await authority.controls?.['status']?.run({ ...house, settings }, null);
    const { fingerprint } = status as { readonly fingerprint: string };
    const at = { url: `http://127.0.0.1:${port}/`, fingerprint };

    const nodes = await Promise.all(
      names.map(async (name, place) => {
        const home = await houseOf(name);
        await replaceFile(join(home.folder, USERS_FILE), usersFile());
        const set: MixSettings = remailerOn(ports[place] ?? 0, name, at, changes);
        return new TestnetNode(home, set, generate);
      }),
    );
    const net = new Testnet(options, { at, nodes, mail, authority, stack: stack.move() });
    try {
      const starts = await Promise.allSettled(nodes.map((node) => node.start())); // what starts has to be stopped, too
      await Promise.all(
        starts.map((start) => (start.status === 'rejected' ? Promise.reject(start.reason) : undefined)),
      );
      await net.#listed(signal);
      return net;
    } catch (error) {
      await net[Symbol.asyncDispose]();
      throw error;
    }
  }

  node(nickname: string): TestnetNode {
    const found = this.nodes.find((node) => node.nickname === nickname);
    if (found === undefined) throw new RangeError(`no remailer is called ${nickname}`);
    return found;
  }

  /** Today's directory, as a client has it. Throws DownloadError, DirectoryError. */
  async directory(): Promise<Directory> {
    const { clock, at } = this;
    const knownServers = [{ name: 'testnet', ...at }];
    return Directory.parse(await downloadDirectory({ url: at.url }, { clock }), { clock, knownServers });
  }

  /** Makes a home for somebody, ready for `postern mix … --home`; `clockSetting` is what the network's time is written as. */
  async home(user: string, clockSetting = ''): Promise<string> {
    const home = join(this.folder, user);
    await mkdir(join(home, 'mix'), { recursive: true, mode: OWNER_ONLY });
    await replaceFile(join(home, 'mix', 'mix.toml'), personConfig(this.at, user, clockSetting));
    return home;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()));
    await this.#stack.disposeAsync();
  }

  async #listed(signal: AbortSignal | undefined): Promise<void> {
    for (let looks = 0; looks < LOOKS; looks += 1) {
      signal?.throwIfAborted();
      const found = await this.directory().then(
        (listed) => listed.recommendedNicknames.length,
        () => 0,
      );
      if (found === this.nodes.length) return;
      await new Promise<void>((resolve) => void systemClock.timer(LOOK_EVERY, resolve));
    }
    throw new Error('the remailers of the test network are not listed in its directory');
  }
}

type Generate = (bits: number) => Promise<RsaPrivateKey>;

/** The same, but nobody waits for a key once the signal is aborted. */
function untilAborted(generate: Generate, signal: AbortSignal | undefined): Generate {
  if (signal === undefined) return generate;
  return (bits) =>
    new Promise((resolve, reject) => {
      const abort = () => reject(signal.reason);
      if (signal.aborted) return abort();
      signal.addEventListener('abort', abort);
      generate(bits)
        .then(resolve, reject)
        .finally(() => signal.removeEventListener('abort', abort));
    });
}

/** Makes keys before they are asked for, all cores at work. */
function keysAhead(generate: Generate, total: number, onProgress: TestnetOptions['onProgress'] = () => {}): Generate {
  let done = 0;
  const made = Array.from({ length: total }, async () => {
    const key = await generate(KEY_BITS);
    done += 1;
    onProgress(done, total);
    return key;
  });
  for (const key of made) key.catch(() => {}); // not all are asked for when the opening ends early
  return async (bits) => (bits === KEY_BITS ? made.shift() : undefined) ?? generate(bits);
}

function disposable<T extends { close(): Promise<void> }>(store: T): T & AsyncDisposable {
  return Object.assign(store, { [Symbol.asyncDispose]: () => store.close() });
}

/** Loopback ports that are free now: a server's own stands in its descriptor, and is the same after a restart. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  return await Promise.all(
    servers.map(async (server) => {
      await new Promise<void>((resolve, reject) => server.once('listening', resolve).once('error', reject));
      const address = server.address();
      await new Promise((resolve) => server.close(resolve));
      return typeof address === 'object' && address !== null ? address.port : 0;
    }),
  );
}
