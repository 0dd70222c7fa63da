// Taking in a body of any length in bounded memory: small network pieces become chunks, and the next chunks arrive while the
// disk still syncs the last.

import { createHash, type Hash } from 'node:crypto';
import { StoreError } from '../errors.ts';
import { CHUNK } from '../limits.ts';
import type { Body } from '../messages.ts';
import type { BodyKey } from './held.ts';
import type { Link } from './link.ts';
import type { Writes } from './writes.ts';

/** Chunks under way to the disk at once, for one body. */
const WINDOW = 8;

/** A body as this engine makes them: short ones stay in memory, long ones lie in the store already. */
export class ReceivedBody implements Body {
  readonly mailbox: string;
  readonly size: number;
  readonly sha256: Buffer;
  readonly #source: Uint8Array<ArrayBuffer> | BodyKey;
  readonly #discard: (key: BodyKey) => Promise<void>;
  #spent = false;

  constructor(
    about: { mailbox: string; size: number; sha256: Buffer },
    source: Uint8Array<ArrayBuffer> | BodyKey,
    discard: (key: BodyKey) => Promise<void>,
  ) {
    this.mailbox = about.mailbox;
    this.size = about.size;
    this.sha256 = about.sha256;
    this.#source = source;
    this.#discard = discard;
  }

  /** Where the octets are. Throws StoreError `no-body` once they were appended or discarded. */
  get source(): Uint8Array<ArrayBuffer> | BodyKey {
    if (this.#spent) throw new StoreError('no-body', 'the body was appended or discarded before');
    return this.#source;
  }

  /** It belongs to a message now. */
  spend(): void {
    this.#spent = true;
  }

  async discard(): Promise<void> {
    if (this.#spent) return;
    this.#spent = true;
    if (!(this.#source instanceof Uint8Array)) await this.#discard(this.#source);
  }
}

/** Makes `receive` on the writer behind `writer`; `clear` is called when octets are left for nobody. */
export function receiver(writer: Link<Writes>, clear: () => void) {
  const discard = async (key: BodyKey): Promise<void> => {
    await writer.call('discardBody', key);
    clear();
  };

  return async (mailbox: string, chunks: AsyncIterable<Uint8Array>, expected = CHUNK): Promise<ReceivedBody> => {
    const hash = createHash('sha256');
    const window = new Set<Promise<unknown>>();
    let first: Uint8Array<ArrayBuffer> | undefined;
    let key: BodyKey | undefined;
    let [size, seq] = [0, 0];

    const put = async (to: BodyKey, chunk: Uint8Array<ArrayBuffer>): Promise<void> => {
      const written: Promise<unknown> = writer
        .call('addChunk', to, seq, writer.give(chunk))
        .then(() => window.delete(written));
      written.catch(() => {}); // it is awaited below; until then nobody listens
      window.add(written);
      seq += 1;
      if (window.size >= WINDOW) await Promise.race(window);
    };

    try {
      for await (const chunk of chunked(chunks, hash, expected)) {
        size += chunk.byteLength;
        if (size === chunk.byteLength) {
          first = chunk; // perhaps all there is: then it travels with the append
          continue;
        }
        key ??= await begin(writer, mailbox);
        if (first) await put(key, first);
        first = undefined;
        await put(key, chunk);
      }
      await Promise.all(window);
    } catch (error) {
      await Promise.allSettled(window);
      if (key) await discard(key).catch(() => {}); // the first error is the one to tell
      throw error;
    }
    return new ReceivedBody({ mailbox, size, sha256: hash.digest() }, key ?? first ?? new Uint8Array(0), discard);
  };
}

async function begin(writer: Link<Writes>, mailbox: string): Promise<BodyKey> {
  const key = await writer.call('beginBody', mailbox);
  if (key === undefined) throw new StoreError('no-mailbox', 'there is no such mailbox');
  return key;
}

/** The same octets in pieces of CHUNK, or of all that is `expected` when that is less; hashed on their way. */
async function* chunked(
  source: AsyncIterable<Uint8Array>,
  hash: Hash,
  expected: number,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void> {
  let chunk = new Uint8Array(Math.min(CHUNK, expected));
  let filled = 0;
  for await (const piece of source) {
    hash.update(piece);
    for (let taken = 0; taken < piece.byteLength; ) {
      const part = piece.subarray(taken, taken + chunk.byteLength - filled);
      chunk.set(part, filled);
      filled += part.byteLength;
      taken += part.byteLength;
      if (filled < chunk.byteLength) continue;
      yield chunk;
      chunk = new Uint8Array(CHUNK);
      filled = 0;
    }
  }
  if (filled > 0) yield chunk.subarray(0, filled);
}
