// Giving out the octets of a message chunk by chunk, with one or two chunks fetched ahead.

import { asBuffer } from '../../base/bytes.ts';
import { StoreError } from '../errors.ts';
import { CHUNK } from '../limits.ts';
import type { BodyKey } from './held.ts';

/** Chunks under way from the disk at once, for one message. */
const AHEAD = 3;

/** The part of `octets`, a whole body, from `from` to `to`. */
export async function* atHand(octets: Uint8Array, from: number, to: number): AsyncGenerator<Buffer, void> {
  if (to > from) yield asBuffer(octets.subarray(from, to));
}

/** The octets from `from` to `to` of the body `key`, read with `fetch`; `done` is called once, at the end or when left early. */
export async function* fromDisk(
  key: BodyKey,
  from: number,
  to: number,
  fetch: (key: BodyKey, seq: number) => Promise<Uint8Array | undefined>,
  done: () => void,
): AsyncGenerator<Buffer, void> {
  const last = Math.ceil(to / CHUNK);
  let next = Math.floor(from / CHUNK);
  const coming: { seq: number; chunk: Promise<Uint8Array | undefined> }[] = [];
  try {
    while (next < last || coming.length > 0) {
      for (; next < last && coming.length < AHEAD; next += 1) {
        const chunk = fetch(key, next);
        chunk.catch(() => {}); // awaited below; until then nobody listens
        coming.push({ seq: next, chunk });
      }
      const head = coming.shift();
      if (head === undefined) break;
      const chunk = await head.chunk;
      if (chunk === undefined) throw new StoreError('corrupt', 'a part of the message is missing');
      const start = head.seq * CHUNK;
      yield asBuffer(chunk.subarray(Math.max(0, from - start), Math.min(chunk.byteLength, to - start)));
    }
  } finally {
    done();
  }
}
