// One conversation at the IMMP counter: how far it has come, who its peer is, and what is open on it.   spec: immp 1.3, 2.7

import { MINUTE, SECOND } from '../base/time.ts';
import type { Connection } from '../net/connection.ts';
import type { Challenge } from './auth/secrets.ts';
import { Refusal } from './codes.ts';
import type { Delivery } from './mail/delivery.ts';
import type { Part } from './mail/message.ts';
import { Pipelines } from './pipelines.ts';
import type { Room } from './room.ts';
import type { Word } from './wire/forms.ts';
import { accountName, type Imid } from './wire/imid.ts';
import { formatReply, REPLY_LINE_LIMIT } from './wire/reply.ts';

/** What the peer has proved so far. */
export type Peer =
  | { readonly state: 'plain' }
  | { readonly state: 'unauthenticated' }
  /** A user of this office. */
  | { readonly state: 'local'; readonly account: string; readonly since: number }
  /** Another domain. */
  | { readonly state: 'remote'; readonly domain: string };

export type State = Peer['state'];

/** How long a conversation may be silent.   spec: immp 2.3 */
const IDLE: Readonly<Record<State, number>> = {
  plain: 30 * SECOND,
  unauthenticated: 5 * MINUTE,
  local: 30 * MINUTE,
  remote: 30 * MINUTE,
};

/** What is sealed to a domain, by another one.   spec: immp 2.8 */
export interface SealedDraft extends Pick<Delivery, 'id' | 'importance' | 'secure'> {
  readonly sealedFor: string;
  readonly peer: string;
}

/** A message that is being put together. */
export interface OpenMessage {
  readonly draft:
    | Omit<Delivery, 'parts' | 'said'>
    | { readonly mailbox: string; readonly folder: string; readonly id: string }
    | SealedDraft;
  readonly multipart: boolean;
  readonly subject: string | undefined;
  readonly parts: Part[];
  /** The part named `envelope`. */
  envelope?: Buffer;
}

/** What a user has set for this connection alone.   spec: immp 2.11 */
export interface SessionSettings {
  compression: 'NONE' | 'GZIP';
  inline: number;
}

export class Session {
  readonly connection: Connection;
  readonly room: Room;
  readonly pipelines = new Pipelines();
  readonly settings: SessionSettings = { compression: 'NONE', inline: 65536 };
  peer: Peer = { state: 'plain' };
  challenge: Challenge | undefined;
  open: OpenMessage | undefined;
  /** The account's name as its user wrote it. */
  shownAs: Imid | undefined;
  failures = { upgrade: 0, authentication: 0, syntax: 0, push: 0 };
  /** Commands that run, WATCH aside. */
  working = 0;
  leaving = false;
  readonly #atEnd: (() => void)[] = [];

  constructor(connection: Connection, room: Room) {
    this.connection = connection;
    this.room = room;
  }

  get idleTime(): number {
    return IDLE[this.peer.state];
  }

  /** The user's account. Throws Refusal 403 when the peer is none of ours. */
  get account(): string {
    if (this.peer.state !== 'local') throw new Refusal('403');
    return this.peer.account;
  }

  /** Runs `work` when the conversation ends. */
  atEnd(work: () => void): void {
    this.#atEnd.push(work);
  }

  /** The mailbox that a target names; the user's own when it names none. Throws Refusal 403, also for one that is not there. */
  async mailbox(base: Imid | undefined): Promise<string> {
    if (base === undefined) return this.account;
    const name = accountName(base);
    if (!(await this.room.accounts.mayUse(this.account, name))) throw new Refusal('403');
    return name;
  }

  /** Forgets the message that is being put together. */
  async dropOpen(): Promise<void> {
    const parts = this.open?.parts ?? [];
    this.open = undefined;
    await Promise.all(parts.map(({ data }) => data.discard()));
  }

  async end(): Promise<void> {
    for (const work of this.#atEnd.splice(0)) work();
    await this.dropOpen();
  }
}

/** What a command answers with: its replies carry the name of its pipeline. */
export class Answers {
  readonly session: Session;
  readonly pipe: string | undefined;
  /** Aborted when the peer ends the command from another one, or the office closes. */
  readonly signal: AbortSignal;
  /** To be called when the octets that follow the command are all read: others may come while it works on. */
  readonly octetsRead: () => void;

  constructor(session: Session, pipe: string | undefined, signal: AbortSignal, octetsRead = () => {}) {
    this.session = session;
    this.pipe = pipe;
    this.signal = signal;
    this.octetsRead = octetsRead;
  }

  get room(): Room {
    return this.session.room;
  }

  /** One line. `more`: others of the same reply follow. */
  async send(code: string, text: string, more = false): Promise<void> {
    await this.session.connection.write(this.line(code, text, more));
  }

  /** Lines of one reply, the last of which ends it, in as few writes as is good. */
  async sendAll(code: string, texts: readonly string[]): Promise<void> {
    const last = texts.length - 1;
    await this.session.connection.write(texts.map((text, at) => this.line(code, text, at < last)).join(''));
  }

  /** One frame of a raw download: its line and its octets in one piece, which nothing can come between. */
  async frame(pieces: readonly Buffer[]): Promise<void> {
    const size = pieces.reduce((sum, { length }) => sum + length, 0);
    const line = Buffer.from(this.line('251', `LENGTH ${size}`, true));
    await this.session.connection.write(Buffer.concat([line, ...pieces], line.length + size));
  }

  line(code: string, text: string, more: boolean): string {
    const line = formatReply({ ...(this.pipe === undefined ? {} : { pipe: this.pipe }), code, more, text });
    if (line.length * 3 > REPLY_LINE_LIMIT && Buffer.byteLength(line) > REPLY_LINE_LIMIT) {
      throw new Error('a reply is longer than a line may be');
    }
    return line;
  }
}

/** In which states a word is taken.   spec: immp 2.7 */
export function refusalByState(word: Word, state: State): Refusal | undefined {
  if (word === 'NOOP' || word === 'QUIT') return undefined;
  if (state === 'plain') return word === 'UPGRADE' ? undefined : new Refusal('720');
  if (word === 'UPGRADE') return new Refusal('405');
  if (word.startsWith('AUTH ')) return state === 'unauthenticated' ? undefined : new Refusal('405');
  if (word === 'KEY NEXT') return undefined;
  if (state === 'unauthenticated') return word === 'PUSH' ? undefined : new Refusal('401');
  return state === 'local' || FOR_REMOTE.has(word) ? undefined : new Refusal('403');
}

const FOR_REMOTE: ReadonlySet<Word> = new Set([
  'PUSH',
  'DELIVER',
  'DATA',
  'DONE',
  'RESET',
  'SUBSCRIBE TO',
  'UNSUBSCRIBE',
  'KEY REQUEST',
]);
