// What the main thread and an unwrapping worker say to each other. Buffers cross over as bare octets: large ones with
// their memory, small ones as copies, since a copy of a small one would otherwise take along all the memory it lies in.

import type { KeyObject } from 'node:crypto';
import { asBuffer } from '../../../base/bytes.ts';
import { memoryOf } from '../memory.ts';
import type { Opened, Unopened } from './unwrapper.ts';

export type Request =
  | { readonly keys: readonly KeyObject[] }
  | { readonly ticket: number; readonly packet: Uint8Array }
  | 'close';

export interface Reply {
  readonly ticket: number;
  readonly outcome: Opened | Unopened;
}

/** Octets that are copied rather than transferred with all the memory that they lie in. */
const SMALL = 64;

/** The outcome as it crosses over, and the memory that goes with it. */
export function pack(outcome: Opened | Unopened): { outcome: Opened | Unopened; memory: ArrayBuffer[] } {
  const packed: Record<string, unknown> = { ...outcome };
  const memory: ArrayBuffer[] = [];
  for (const [name, value] of Object.entries(outcome)) {
    if (!(value instanceof Uint8Array)) continue;
    const own = value.byteLength > SMALL ? memoryOf(value) : [];
    memory.push(...own);
    packed[name] =
      own.length > 0 ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength) : new Uint8Array(value);
  }
  if (outcome.result === 'relay') packed['next'] = { ...outcome.next, keyId: new Uint8Array(outcome.next.keyId) };
  return { outcome: packed as unknown as Opened | Unopened, memory };
}

/** What `pack` packed, as buffers again. */
export function unpack(outcome: Opened | Unopened): Opened | Unopened {
  const unpacked: Record<string, unknown> = { ...outcome };
  for (const [name, value] of Object.entries(outcome))
    if (value instanceof Uint8Array) unpacked[name] = asBuffer(value);
  if (outcome.result === 'relay') unpacked['next'] = { ...outcome.next, keyId: asBuffer(outcome.next.keyId) };
  return unpacked as unknown as Opened | Unopened;
}
