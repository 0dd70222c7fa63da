// A CMTP counter without ports: the server of the vectors with its two users, talked to through memory, on a clock the test turns.

import { beforeAll, beforeEach } from 'vitest';
import { type Random, systemRandom } from '../../src/base/random.ts';
import { DAY, MINUTE, SECOND, VirtualClock } from '../../src/base/time.ts';
import { accountsOf, mailboxOf } from '../../src/cmtp/accounts.ts';
import { seal } from '../../src/cmtp/crypto/box.ts';
import { type KeyPair, keyPairOf } from '../../src/cmtp/crypto/keys.ts';
import type { Asker, Forward, Passing, Verdict } from '../../src/cmtp/forward/passing.ts';
import { Room } from '../../src/cmtp/room.ts';
import { serve } from '../../src/cmtp/server.ts';
import type { Manners } from '../../src/cmtp/session.ts';
import { quotaOf, settings as schema } from '../../src/cmtp/settings.ts';
import { formatMessage, type Message } from '../../src/cmtp/wire/message.ts';
import { type Place, zeroEnded } from '../../src/cmtp/wire/names.ts';
import { ACCOUNT_WORDS, FETCH_WORDS, WORDS } from '../../src/cmtp/wire/words.ts';
import type { Connection } from '../../src/net/connection.ts';
import { connectionPair } from '../../src/net/memory.ts';
import type { Post } from '../../src/post/post.ts';
import type { Messages } from '../../src/store/store.ts';
import { cmtpVectors, hex, type KeyVectors, type ReplyVectors } from './cmtp.ts';
import { openTestPost, type TestPost } from './post.ts';

const keys = cmtpVectors<KeyVectors>('keys');
export const DOMAIN = keys.domain;
export const server = keyPairOf(hex(keys.server.ed25519_secret64));
export const users: Readonly<Record<'alice' | 'bob', KeyPair & { readonly xzibit: Buffer }>> = {
  alice: { ...keyPairOf(hex(keys.users.alice.ed25519_secret64)), xzibit: hex(keys.users.alice.xzibit.bytes) },
  bob: { ...keyPairOf(hex(keys.users.bob.ed25519_secret64)), xzibit: hex(keys.users.bob.xzibit.bytes) },
};

const EVERY_WORD = [...WORDS, ...FETCH_WORDS, ...ACCOUNT_WORDS];
const SEED: Manners = { dialect: 'seed', words: EVERY_WORD, anonymous: false };
export const AUTO: Manners = { dialect: 'auto', words: WORDS, anonymous: false };

/** Forwarding that does as it is told, and remembers. */
export class ToldForward implements Forward {
  verdict: Verdict = 'not-permitted';
  accepts: 'queued' | 'full' = 'queued';
  readonly keys = new Map<string, Uint8Array>();
  readonly askers: Asker[] = [];
  readonly taken: (Omit<Passing, 'rest'> & { readonly rest: Buffer })[] = [];
  readonly bounced: { readonly sender: Place; readonly about: Place; readonly reason: string }[] = [];

  async judge(_passing: unknown, asker: Asker): Promise<Verdict> {
    this.askers.push(asker);
    return this.verdict;
  }

  async accept(passing: Passing): Promise<'queued' | 'full'> {
    if (this.accepts === 'queued') {
      this.taken.push({ ...passing, rest: Buffer.concat(await Array.fromAsync(passing.rest)) });
    }
    return this.accepts;
  }

  async keyOf({ account, domain }: Place, asker: Asker): Promise<Uint8Array | undefined> {
    this.askers.push(asker);
    return this.keys.get(`${account}@${domain}`);
  }

  async bounce(sender: Place, about: Place, reason: string): Promise<void> {
    this.bounced.push({ sender, about, reason });
  }
}

export interface TestRoom {
  readonly room: Room;
  readonly forward: ToldForward;
  readonly clock: VirtualClock;
}

/** With the accounts alice and bob, and nothing in their mailboxes. */
async function openRoom(
  post: Post,
  clock: VirtualClock,
  changes: Record<string, unknown> = {},
  random: Random = systemRandom,
): Promise<TestRoom> {
  const settings = schema.parse({ domain: DOMAIN, ...changes });
  const accounts = accountsOf(post);
  for (const id of await post.store.mailboxes.list({ prefix: mailboxOf(''), limit: 1000 })) {
    await post.store.mailboxes.remove(id);
  }
  for (const name of ['alice', 'bob'] as const) {
    await accounts.remove(name).catch(() => {}); // what is remembered of an earlier test
    await accounts.add(name, users[name], quotaOf(settings));
  }
  await post.store.mailboxes.create({ id: mailboxOf(''), quota: quotaOf(settings) });
  const forward = new ToldForward();
  const room = new Room({ post: { ...post, clock, random }, server, hostname: 'ignored.example', settings, forward });
  return { room, forward, clock };
}

/** The messages in a mailbox, whole. */
export async function mailOf({ store }: Post, account: string): Promise<Buffer[]> {
  const { messages } = await store.messages.page(mailboxOf(account), { limit: 1000 });
  return Promise.all(
    messages.map(async ({ id }) => {
      const octets = await store.messages.read(mailboxOf(account), id);
      return Buffer.concat(octets ? await Array.fromAsync(octets.chunks) : []);
    }),
  );
}

/** A client that knows octets only. */
export class Caller {
  readonly #connection: Connection;
  readonly ended: Promise<void>;

  constructor({ room, clock }: TestRoom, manners: Manners = SEED) {
    const [here, there] = connectionPair({ clock });
    this.#connection = here;
    this.ended = serve(there, room, manners).then(() => void there.close());
  }

  /** Waits, silently, until it is greeted. */
  async greeted(clock: VirtualClock): Promise<string> {
    await clock.advance(2 * SECOND);
    return (await this.read(29)).toString('latin1');
  }

  /** Texts are sent with a NUL behind them. */
  async say(...parts: (string | Uint8Array)[]): Promise<void> {
    await this.raw(Buffer.concat(parts.map((part) => (typeof part === 'string' ? zeroEnded(part) : part))));
  }

  async raw(octets: string | Uint8Array): Promise<void> {
    await this.#connection.write(octets);
  }

  read(length: number): Promise<Buffer> {
    return this.#connection.block(length, DAY);
  }

  async ask(length: number, ...parts: (string | Uint8Array)[]): Promise<Buffer> {
    await this.say(...parts);
    return this.read(length);
  }

  /** Says something, and gives the name of the answer. */
  async hear(
    ...parts: (string | Uint8Array)[]
  ): Promise<'SUCCESS' | 'FAILURE' | 'KEYNOTAVAILABLE' | 'DELIVERYFAILURE'> {
    await this.say(...parts);
    const head = (await this.read(8)).toString('latin1');
    if (head === 'SUCCESS\0' || head === 'FAILURE\0') {
      await this.read(65);
      return head === 'SUCCESS\0' ? 'SUCCESS' : 'FAILURE';
    }
    await this.read(77);
    if (head === '\0\0\0\0KEYN') return 'KEYNOTAVAILABLE';
    if (head === '\0\0\0\0DELI') return 'DELIVERYFAILURE';
    throw new Error(`unexpected answer ${Buffer.from(head, 'latin1').toString('hex')}`);
  }

  /** What comes before the server ends the conversation. */
  async rest(): Promise<Buffer> {
    await this.ended;
    const chunks: Buffer[] = [];
    while (!this.#connection.closed) {
      const chunk = await this.#connection.chunk(1000, DAY).catch(() => undefined);
      if (chunk === undefined) break;
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  }

  /** Turns the clock until the server has given this one up. */
  async forgotten(clock: VirtualClock): Promise<void> {
    let ended = false;
    void this.ended.then(() => {
      ended = true;
    });
    await clock.advance(0);
    while (!ended) await clock.advance(MINUTE);
  }

  hangUp(): void {
    this.#connection.destroy();
  }
}

/** What a file of tests talks to: one store for all of them, and for each a room of its own. */
export class RoomOfTests implements TestRoom {
  #post: TestPost | undefined;
  #open: TestRoom | undefined;

  /** To be called once, at the top of the file. */
  constructor() {
    beforeAll(async () => {
      const post = await openTestPost();
      this.#post = post;
      return () => post[Symbol.asyncDispose]();
    });
    beforeEach(() => this.reopen());
  }

  get post(): TestPost {
    return there(this.#post);
  }

  get room(): Room {
    return there(this.#open).room;
  }

  get forward(): ToldForward {
    return there(this.#open).forward;
  }

  get clock(): VirtualClock {
    return there(this.#open).clock;
  }

  /** Empty mailboxes, the time of day, and these settings. */
  async reopen(changes: Record<string, unknown> = {}): Promise<void> {
    this.#open = await openRoom(this.post, new VirtualClock(Date.now()), changes);
  }

  /** A new client that speaks as the seed says. */
  call(): Caller {
    return new Caller(this);
  }

  /** Gives the server a store that does something of its own with messages. */
  useMessages(messages: Messages): void {
    const { post } = this.room;
    Object.assign(this.room, { post: { ...post, store: { ...post.store, messages } } });
  }
}

function there<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('there is no room before the first test');
  return value;
}

/** The replies of the seed, by name. */
export const seedReplies: Readonly<Record<string, Buffer>> = Object.fromEntries(
  cmtpVectors<ReplyVectors>('seed-replies').replies.map(({ name, hex: octets }) => [name, hex(octets)]),
);

/** A message from Alice to Bob, sealed. */
export function letter(changes: Partial<Message> = {}, text = 'Hello.'): Buffer {
  const bare = { version: 1, log: Buffer.alloc(0), attachments: [], from: { account: 'alice', domain: DOMAIN } };
  const body = seal(Buffer.from(text), users.bob.publicKey, systemRandom);
  return formatMessage({ ...bare, to: { account: 'bob', domain: DOMAIN }, body, ...changes });
}
