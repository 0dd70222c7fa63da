// One conversation with one peer, as straight-line code wants it: lines, blocks and streams in, whole writes out.
// Nothing is read before it is asked for (so a slow reader slows its peer), and every wait on the peer has a deadline.

import type { Duplex } from 'node:stream';
import { type Clock, SECOND, systemClock } from '../base/time.ts';
import { NetError } from './errors.ts';
import { type Handshake, handshake } from './handshake.ts';

const LF = 0x0a;
const CR = 0x0d;
const CHUNK = 64 * 1024;
const NOTHING = Buffer.alloc(0); // held instead of an empty view, which would keep its whole chunk in memory

export interface Peer {
  /** The peer's network address, for limits per source only; undefined where it has no meaning (memory, onion). */
  readonly address: string | undefined;
  /** SHA-256 of the SubjectPublicKeyInfo that the TLS server showed, on either side of the connection. */
  readonly serverKey: Buffer | undefined;
  /** An authority that this machine trusts says that the TLS server's certificate is for its name. */
  readonly vouched: boolean;
}

export interface ConnectionOptions {
  readonly clock?: Clock;
  readonly peer?: Partial<Peer>;
  /** How long one write may wait for the peer to take it. */
  readonly writeTimeout?: number;
  /** Sees what goes each way, in the clear: for showing a conversation, never for logs. */
  readonly trace?: Trace | undefined;
}

export interface Token {
  readonly octets: Buffer;
  /** The octet that ended it. */
  readonly end: number;
}

export type Trace = (way: 'sent' | 'received', octets: Uint8Array) => void;

export class Connection {
  #peer: Peer;
  #stream: Duplex;
  readonly #clock: Clock;
  readonly #writeTimeout: number;
  readonly #trace: Trace | undefined;
  #held: Buffer = NOTHING;
  #ended = false;
  #leaving = false;
  #failure: NetError | undefined;
  #wake: (() => void) | undefined;
  readonly #listeners: readonly (readonly [event: string, listener: (cause?: Error) => void])[] = [
    ['readable', () => this.#wake?.()],
    ['end', () => this.#settle(undefined)],
    ['error', (cause) => this.#settle(new NetError('cut', 'the connection broke', { cause }))],
    ['close', () => this.#settle(undefined)],
  ];

  constructor(stream: Duplex, options: ConnectionOptions = {}) {
    this.#stream = stream;
    this.#clock = options.clock ?? systemClock;
    this.#writeTimeout = options.writeTimeout ?? 60 * SECOND;
    this.#trace = options.trace;
    const { address, serverKey, vouched = false } = options.peer ?? {};
    this.#peer = { address, serverKey, vouched };
    this.#listen(stream);
  }

  get peer(): Peer {
    return this.#peer;
  }

  /** True once this side has closed it or the peer's end was seen. */
  get closed(): boolean {
    return this.#failure !== undefined || (this.#ended && this.#held.length === 0);
  }

  /**
   * The next line, without its LF and without a CR before it; undefined when the peer ended the conversation at a line's
   * border, or `leave` was called. `limit` counts the LF. Throws NetError `line-too-long`, `timeout`, or `cut` in the middle of a line.
   */
  async line(limit: number, timeout: number): Promise<Buffer | undefined> {
    const octets = (await this.token([LF], limit, timeout))?.octets;
    return octets?.at(-1) === CR ? octets.subarray(0, -1) : octets;
  }

  /**
   * What comes before the first of the octets `ends`, which is taken as well; undefined as with `line`. `limit` counts the end.
   * Throws NetError `line-too-long`, `timeout`, or `cut`.
   */
  async token(ends: readonly number[], limit: number, timeout: number): Promise<Token | undefined> {
    const until = this.#clock.now() + timeout;
    let searched = 0;
    for (;;) {
      const at = firstOf(ends, this.#held.subarray(0, limit), searched);
      if (at >= 0) {
        const token = { octets: this.#held.subarray(0, at), end: this.#held[at] ?? 0 };
        this.#drop(at + 1);
        return token;
      }
      if (this.#held.length >= limit) throw new NetError('line-too-long', `a line is longer than ${limit} octets`);
      searched = this.#held.length;
      const atBorder = this.#held.length === 0;
      if (!(await this.#more(until, atBorder))) {
        if (atBorder) return undefined;
        throw new NetError('cut', 'the peer went away in the middle of a line');
      }
    }
  }

  /** Exactly `length` octets. Throws NetError `timeout` or `cut`. For what is small: use `stream` for bodies. */
  async block(length: number, timeout: number): Promise<Buffer> {
    const until = this.#clock.now() + timeout;
    const parts: Buffer[] = [];
    for (let missing = length; missing > 0; ) {
      const part = await this.#some(missing, until);
      parts.push(part);
      missing -= part.length;
    }
    return parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts, length);
  }

  /** The next `length` octets in chunks of at most 64 KiB, all of them within `timeout`. Throws NetError `timeout` or `cut`. */
  async *stream(length: number, timeout: number): AsyncGenerator<Buffer, void, void> {
    const until = this.#clock.now() + timeout;
    for (let missing = length; missing > 0; ) {
      const part = await this.#some(Math.min(missing, CHUNK), until);
      missing -= part.length;
      yield part;
    }
  }

  /** From 1 to `most` octets, as they come: for bodies that may take long but not stand still. Throws NetError `timeout` or `cut`. */
  chunk(most: number, timeout: number): Promise<Buffer> {
    return this.#some(Math.min(most, CHUNK), this.#clock.now() + timeout);
  }

  /** Waits at a line's border until the peer sends something; false when it ended or `leave` was called. What came stays. */
  async awaitLine(timeout: number): Promise<boolean> {
    return this.#held.length > 0 || this.#more(this.#clock.now() + timeout, true);
  }

  /**
   * Sends `data` and resolves when the layer below has taken all of it, so that over TLS each call
   * makes records of its own.   spec: smallmail 2.2
   */
  async write(data: string | Uint8Array): Promise<void> {
    if (this.#failure) throw this.#failure;
    this.#trace?.('sent', typeof data === 'string' ? Buffer.from(data) : data);
    await new Promise<void>((resolve, reject) => {
      const cancel = this.#clock.timer(this.#writeTimeout, () => {
        reject(new NetError('timeout', 'the peer takes nothing'));
        this.destroy();
      });
      this.#stream.write(data, (cause) => {
        cancel();
        if (cause) reject(new NetError('cut', 'the peer went away while being written to', { cause }));
        else resolve();
      });
    });
  }

  /**
   * Goes over to TLS in the middle of the conversation; whoever speaks next speaks encrypted. Throws NetError `injected` when
   * octets have come already, which then were sent in the clear, and what `handshake` throws; the connection is destroyed then.
   */
  async secure(options: Handshake): Promise<void> {
    if (this.#failure) throw this.#failure;
    try {
      if (this.#held.length > 0 || this.#stream.readableLength > 0) {
        throw new NetError('injected', 'the peer sent octets in the clear after asking for encryption');
      }
      const plain = this.#stream;
      for (const [event, listener] of this.#listeners) plain.off(event, listener);
      const secured = await handshake(plain, this.#clock, options);
      this.#stream = secured.socket;
      this.#peer = { ...this.#peer, serverKey: secured.serverKey, vouched: secured.vouched };
      this.#listen(secured.socket);
    } catch (error) {
      this.destroy();
      throw error;
    }
  }

  /**
   * Gives the stream to somebody else who reads and writes it, such as an HTTP server; this object is of no use afterwards. Only
   * before anything was read: throws NetError `closed` otherwise.
   */
  async release(): Promise<Duplex> {
    if (this.#failure || this.#held.length > 0) throw this.#failure ?? new NetError('closed', 'this was read from');
    this.#settle(new NetError('closed', 'the connection is another’s'));
    // That of `error` stays, as nobody else listens for it yet.
    for (const [event, listener] of this.#listeners) if (event !== 'error') this.#stream.off(event, listener);
    await new Promise((resolve) => setImmediate(resolve)); // until the stream knows that nobody listens for `readable`
    return this.#stream;
  }

  /** Waits for no further line: `line` answers as if the peer had ended. What is in the middle of a line or body goes on. */
  leave(): void {
    this.#leaving = true;
    this.#wake?.();
  }

  /** Says goodbye: what was written still arrives, nothing more is read. Resolves when the peer has taken it, or after `grace`. */
  async close(grace = 2 * SECOND): Promise<void> {
    if (this.#failure?.code === 'closed') return;
    this.#failure ??= new NetError('closed', 'the connection is closed');
    await new Promise<void>((resolve) => {
      const cancel = this.#clock.timer(grace, resolve);
      this.#stream.end(() => {
        cancel();
        resolve();
      });
      if (this.#stream.destroyed) resolve();
    });
    this.destroy();
  }

  /** Ends it at once. Waiting reads fail with `closed`. */
  destroy(): void {
    this.#settle(new NetError('closed', 'the connection is closed'));
    this.#stream.destroy();
  }

  #listen(stream: Duplex): void {
    for (const [event, listener] of this.#listeners) stream.on(event, listener);
  }

  #settle(failure: NetError | undefined): void {
    this.#ended = true;
    if (failure) this.#failure ??= failure;
    this.#wake?.();
  }

  /** From 1 to `most` octets: what is there, or what comes next. */
  async #some(most: number, until: number): Promise<Buffer> {
    while (this.#held.length === 0) {
      if (!(await this.#more(until))) throw new NetError('cut', 'the peer went away in the middle of a body');
    }
    const part = this.#held.subarray(0, most);
    this.#drop(part.length);
    return part;
  }

  #drop(count: number): void {
    this.#held = count === this.#held.length ? NOTHING : this.#held.subarray(count);
  }

  /** Brings in whatever the peer sends next; false when it has ended, or, at a line's border, when this side is leaving. */
  async #more(until: number, atBorder = false): Promise<boolean> {
    for (;;) {
      if (this.#failure) throw this.#failure;
      const chunk: Buffer | null = this.#stream.read();
      if (chunk !== null) {
        this.#trace?.('received', chunk);
        this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
        return true;
      }
      if (this.#ended || (atBorder && this.#leaving)) return false;
      await this.#woken(until);
    }
  }

  #woken(until: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const cancel = this.#clock.timer(until - this.#clock.now(), () => {
        this.#wake = undefined;
        reject(new NetError('timeout', 'the peer is silent for too long'));
      });
      this.#wake = () => {
        this.#wake = undefined;
        cancel();
        resolve();
      };
    });
  }
}

/** The place of the first of the octets `ends` at or after `from`; negative when there is none. */
function firstOf(ends: readonly number[], octets: Buffer, from: number): number {
  let first = -1;
  for (const end of ends) {
    const found = octets.indexOf(end, from);
    if (found >= 0 && (first < 0 || found < first)) first = found;
  }
  return first;
}
