// A part of a message while the rest of it is still to come: small ones in memory, others in a file that has no name any more,
// so that nothing is left of it whatever happens.

import { createHash } from 'node:crypto';
import { type FileHandle, mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { toHex } from '../base/bytes.ts';
import type { Random } from '../base/random.ts';

const IN_MEMORY = 64 * 1024;
const CHUNK = 64 * 1024;
const OWNER_ONLY = 0o600;

export interface Spooled {
  readonly size: number;
  /** Hex. */
  readonly sha256: string;
  chunks(): AsyncGenerator<Buffer, void, void>;
  discard(): Promise<void>;
}

export interface SpoolPlace {
  readonly folder: string;
  readonly random: Random;
}

/** Takes in all of `chunks`. Undefined, with nothing kept, when it is more than `limit` octets; they are read to their end anyway. */
export async function spool(
  chunks: AsyncIterable<Uint8Array>,
  limit: number,
  place: SpoolPlace,
): Promise<Spooled | undefined> {
  const hash = createHash('sha256');
  let held: Buffer[] = [];
  let size = 0;
  let file: FileHandle | undefined;
  try {
    for await (const chunk of chunks) {
      size += chunk.byteLength;
      if (size > limit) {
        held = [];
        continue;
      }
      hash.update(chunk);
      held.push(Buffer.from(chunk)); // a copy: a view would keep what the network brought
      if (size <= IN_MEMORY) continue;
      file ??= await nameless(place);
      await file.writev(held);
      held = [];
    }
  } catch (error) {
    await file?.close();
    throw error;
  }
  if (size > limit) {
    await file?.close();
    return undefined;
  }
  const kept = file;
  return {
    size,
    sha256: toHex(hash.digest()),
    chunks: () => (kept ? fromFile(kept, size) : fromMemory(held)),
    discard: async () => kept?.close(),
  };
}

/** Octets that are at hand, as if they had been spooled. */
export function spooled(octets: Uint8Array): Spooled {
  const held = Buffer.from(octets);
  const sha256 = toHex(createHash('sha256').update(held).digest());
  return { size: held.length, sha256, chunks: () => fromMemory([held]), discard: async () => {} };
}

async function nameless({ folder, random }: SpoolPlace): Promise<FileHandle> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, toHex(random.bytes(16)));
  const file = await open(path, 'wx+', OWNER_ONLY);
  await rm(path);
  return file;
}

async function* fromMemory(held: readonly Buffer[]): AsyncGenerator<Buffer, void, void> {
  yield* held;
}

async function* fromFile(file: FileHandle, size: number): AsyncGenerator<Buffer, void, void> {
  for (let at = 0; at < size; ) {
    const chunk = Buffer.alloc(Math.min(CHUNK, size - at));
    const { bytesRead } = await file.read(chunk, 0, chunk.length, at);
    if (bytesRead === 0) throw new Error('a spooled part is shorter than it was');
    at += bytesRead;
    yield chunk.subarray(0, bytesRead);
  }
}
