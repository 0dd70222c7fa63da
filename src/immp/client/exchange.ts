// One command under way: the replies to it that have come, and whoever waits for the next.   spec: immp 2.1, 2.2

import { SECOND } from '../../base/time.ts';
import { isFinal, type Reply } from '../wire/reply.ts';
import { ClientError, refused } from './errors.ts';

/** How long a server may take for the next line of a reply: it may have to ask another one meanwhile. */
export const REPLY_TIME = 120 * SECOND;

/** A line of a reply, with the octets of the frame that it announces, in pieces as they came. */
export interface Item {
  readonly reply: Reply;
  readonly octets?: readonly Buffer[];
}

/** Reads on until something came for the exchange; throws when that takes more than `timeout` ms, or nothing more can come. */
export type ReadOn = (until: () => boolean, timeout: number) => Promise<void>;

export class Exchange {
  readonly #readOn: ReadOn;
  readonly #release: (octets: number) => void;
  #items: Item[] = [];
  #ended = false;
  #dropped = false;

  /** `release` hears how many octets were taken out. */
  constructor(readOn: ReadOn, release: (octets: number) => void) {
    this.#readOn = readOn;
    this.#release = release;
  }

  /** True when the last reply came, whether it was taken or not. */
  get ended(): boolean {
    return this.#ended;
  }

  /** The next line of the reply; undefined behind the last. Throws NetError, or ClientError `closed` or `protocol`. */
  async next(timeout = REPLY_TIME): Promise<Item | undefined> {
    await this.peek(timeout);
    const item = this.#items.shift();
    if (item) this.#release(sizeOf(item));
    return item;
  }

  /** The same, but it stays for `next`. */
  async peek(timeout = REPLY_TIME): Promise<Item | undefined> {
    if (this.#items.length === 0 && !this.#ended) {
      await this.#readOn(() => this.#items.length > 0 || this.#ended, timeout);
    }
    return this.#items[0];
  }

  /** Passes over lines until one has this code, and gives it. Throws ClientError when the command ends with a refusal before. */
  async until(code: string): Promise<Reply> {
    for (;;) {
      const item = await this.next();
      if (item === undefined) throw new ClientError('protocol', `the server never says ${code}`);
      if (item.reply.code === code) return item.reply;
      if (isRefusal(item.reply)) throw refused(item.reply);
    }
  }

  /** All that is left, the last reply last. Throws ClientError `refused` or `not-now` when that is one of 4xx or 7xx. */
  async all(timeout = REPLY_TIME): Promise<[...Reply[], Reply]> {
    const replies: Reply[] = [];
    for (let item = await this.next(timeout); item !== undefined; item = await this.next(timeout)) {
      replies.push(item.reply);
    }
    const last = replies.pop();
    if (last === undefined) throw new ClientError('protocol', 'the reply was read before');
    if (isRefusal(last)) throw refused(last);
    return [...replies, last];
  }

  /** Nobody wants the rest: it is thrown away as it comes. */
  drop(): void {
    this.#dropped = true;
    for (const item of this.#items.splice(0)) this.#release(sizeOf(item));
  }

  /** Takes in what came. */
  put(item: Item): void {
    if (isFinal(item.reply)) this.#ended = true;
    if (!this.#dropped) this.#items.push(item);
    else this.#release(sizeOf(item));
  }
}

function sizeOf({ octets = [] }: Item): number {
  return octets.reduce((sum, { length }) => sum + length, 0);
}

export function isRefusal({ code, more }: Reply): boolean {
  return !more && /^[47]/.test(code);
}
