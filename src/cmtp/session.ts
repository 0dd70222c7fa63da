// One conversation at the CMTP counter: its dialect, the next word and its arguments, and what was proved on it.

import { SECOND } from '../base/time.ts';
import type { Connection } from '../net/connection.ts';
import { NetError } from '../net/errors.ts';
import { sourceOf } from '../net/source.ts';
import { type Answer, gone, notCmtp, notNow } from './answers.ts';
import type { Asker } from './forward/passing.ts';
import type { Room } from './room.ts';
import { NAME_LIMIT } from './wire/names.ts';
import { REFERENCE } from './wire/replies.ts';
import { parseWord, WORD_LIMIT, type Word } from './wire/words.ts';

const NUL = 0;
const LF = 10;
const CR = 13;
const ASCII = 0x7f;
/** From the first octet of a word or argument to its NUL: a client sends it at once. */
const WORD_TIME = 10 * SECOND;
/** How long a KEYREQUEST waits for its domain.   spec: cmtp 9 D8 */
const DOMAIN_TIME = SECOND;

export type Dialect = 'seed' | 'reference';

/** What is spoken on a port. */
export interface Manners {
  /** `auto`: the reference's, with a client that is silent at first.   spec: cmtp 9 D1 */
  readonly dialect: 'auto' | 'seed';
  /** The words that are understood. */
  readonly words: readonly Word[];
  /** True where the peer's address says nothing about who it is. */
  readonly anonymous: boolean;
}

/** What came next: a word, something that is none, or the lone NUL that old clients send.   spec: cmtp 2 */
export type Said = Word | 'unknown' | 'nothing';

export interface Challenge {
  readonly account: string;
  readonly octets: Buffer;
  readonly until: number;
}

export class Session {
  readonly connection: Connection;
  readonly room: Room;
  readonly #manners: Manners;
  #dialect: Dialect = 'seed';
  /** A word that was read where a domain might have stood. */
  #unread: Word | undefined;
  /** The account whose key was proved. */
  account: string | undefined;
  /** Given, and not used yet. */
  challenge: Challenge | undefined;

  constructor(connection: Connection, room: Room, manners: Manners) {
    this.connection = connection;
    this.room = room;
    this.#manners = manners;
  }

  get dialect(): Dialect {
    return this.#dialect;
  }

  get asker(): Asker {
    return { address: this.#manners.anonymous ? undefined : this.connection.peer.address, account: this.account };
  }

  /** Whose rates apply. Where addresses say nothing, all are one. */
  get source(): string {
    return sourceOf(this.asker.address);
  }

  /** Finds out who is there: who speaks first speaks as the seed says, who waits is greeted.   spec: cmtp 9 D1 */
  async greet(): Promise<void> {
    if (this.#manners.dialect === 'seed') return;
    try {
      await this.connection.awaitLine(this.room.settings.greeting_delay);
    } catch (error) {
      if (!(error instanceof NetError) || error.code !== 'timeout') throw error;
      this.#dialect = 'reference';
      await this.send(REFERENCE.greeting);
    }
  }

  /** The next word; undefined when the peer is gone. Throws Failure, NetError.   spec: cmtp 2, 9 D14 */
  async next(): Promise<Said | undefined> {
    if (this.#unread !== undefined) {
      const word = this.#unread;
      this.#unread = undefined;
      return word;
    }
    if (!(await this.connection.awaitLine(this.room.settings.idle_time))) return undefined;
    // An SMTP client that speaks first never sends a NUL: the end of its line must do.
    const ends = this.#dialect === 'seed' ? [NUL, LF, CR] : [NUL];
    const token = await this.connection.token(ends, WORD_LIMIT, WORD_TIME);
    if (token === undefined) return undefined;
    if (token.end !== NUL || token.octets.some((octet) => octet > ASCII)) throw notCmtp('not-cmtp');
    if (token.octets.length === 0) return 'nothing';
    return this.#parse(token.octets) ?? 'unknown';
  }

  /** A text argument before its NUL. Throws NetError `line-too-long` beyond 256 octets. */
  async argument(): Promise<Buffer> {
    const token = await this.connection.token([NUL], NAME_LIMIT, WORD_TIME);
    if (token === undefined) throw gone();
    return token.octets;
  }

  /**
   * The argument that may be missing: undefined when nothing comes for a second, or a command does.   spec: cmtp 9 D8
   */
  async optionalArgument(): Promise<Buffer | undefined> {
    try {
      if (!(await this.connection.awaitLine(DOMAIN_TIME))) return undefined;
    } catch (error) {
      if (error instanceof NetError && error.code === 'timeout') return undefined;
      throw error;
    }
    const octets = await this.argument();
    this.#unread = parseWord(octets, this.#manners.words);
    return this.#unread === undefined ? octets : undefined;
  }

  /** A binary argument of a fixed length. */
  block(length: number): Promise<Buffer> {
    return this.connection.block(length, WORD_TIME);
  }

  /** Sends a whole reply in one write.   spec: cmtp 9 D25 */
  async send(reply: Uint8Array): Promise<void> {
    await this.connection.write(reply);
  }

  /** One of the answers that only the seed has: in the reference's dialect it is not said.   spec: cmtp 9 D5 */
  async answer(answer: Answer): Promise<void> {
    if (this.#dialect === 'seed') await this.send(this.room.replies[answer]);
  }

  /** Each takes one of this source's tokens. Throws when there is none. */
  ration(what: keyof Room['rates']): void {
    if (!this.room.rates[what].take(this.source)) throw notNow('rate');
  }

  /** The reference compares only the first four letters of OBAI.   spec: cmtp 4 */
  #parse(octets: Buffer): Word | undefined {
    const isReference = this.#dialect === 'reference';
    return parseWord(isReference && octets.indexOf('OBAI') === 0 ? octets.subarray(0, 4) : octets, this.#manners.words);
  }
}
