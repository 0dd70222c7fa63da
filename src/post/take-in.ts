// A body on its way from a peer into the store: small ones stay in memory until they are appended, larger ones stream.

import { createHash } from 'node:crypto';
import type { Body, Store } from '../store/store.ts';

const SMALL = 64 * 1024;

export interface TakenIn {
  /** What a message draft takes. */
  readonly body: Uint8Array | Body;
  readonly sha256: Buffer;
  discard(): Promise<void>;
}

/** Takes in `size` octets. Keeps nothing when `chunks` throws. */
export async function takeIn(
  store: Store,
  mailbox: string,
  size: number,
  chunks: AsyncIterable<Uint8Array>,
): Promise<TakenIn> {
  if (size > SMALL) {
    const body = await store.messages.receive(mailbox, chunks);
    return { body, sha256: body.sha256, discard: () => body.discard() };
  }
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  const body = Buffer.concat(parts, size);
  return { body, sha256: createHash('sha256').update(body).digest(), discard: async () => {} };
}
