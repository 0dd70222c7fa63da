// The stream that an XMPP server sends, one stanza at a time, read when somebody asks for one.

import { codeOf } from '../../base/errors.ts';
import { MINUTE } from '../../base/time.ts';
import type { Connection } from '../../net/connection.ts';
import type { Element } from './stanza.ts';
import { StreamReader } from './stream-reader.ts';

/** Between two pieces of one stanza. */
const PIECE_TIME = 2 * MINUTE;
const CHUNK = 64 * 1024;

export class Stream {
  readonly #connection: Connection;
  readonly #reader = new StreamReader();
  readonly #come: Element[] = [];

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** The stream's own element; undefined when the peer went away. Throws XmppError `protocol`, NetError. */
  async opening(timeout: number): Promise<Element | undefined> {
    while (this.#reader.opening === undefined) if (!(await this.#read(timeout))) return undefined;
    return this.#reader.opening;
  }

  /**
   * The next stanza; undefined when the peer closed the stream, or went away. `silent` is called when nothing came for `timeout`
   * ms. Throws XmppError `protocol`, NetError `cut` in the middle of a stanza, `timeout`.
   */
  async next(timeout: number, silent?: () => Promise<unknown>): Promise<Element | undefined> {
    while (this.#come.length === 0) {
      try {
        if (!(await this.#read(timeout))) return undefined;
      } catch (error) {
        if (silent === undefined || codeOf(error) !== 'timeout' || !this.#reader.atBorder) throw error;
        await silent();
      }
    }
    return this.#come.shift();
  }

  async #read(timeout: number): Promise<boolean> {
    if (this.#reader.ended) return false;
    if (this.#reader.atBorder && !(await this.#connection.awaitLine(timeout))) return false;
    this.#come.push(...this.#reader.write(await this.#connection.chunk(CHUNK, PIECE_TIME)));
    return true;
  }
}
