// The payload of a message that fits into one packet.   spec: mixminion-e2e 4.1
//
//   u16 size, top bit 0 | SHA-1 of the rest (20) | compressed message | random padding

import type { Random } from '../../base/random.ts';
import { sha1 } from '../../crypto/hash.ts';
import { DIGEST_LENGTH, PAYLOAD_LENGTH } from '../packet/layout.ts';
import { PayloadError } from './errors.ts';
import type { Overhead } from './sizes.ts';

const SIZE_LENGTH = 2;
const START = SIZE_LENGTH + DIGEST_LENGTH;

export interface Singleton {
  readonly kind: 'singleton';
  /** The compressed message. Whether it is a zlib stream shows when it is inflated. */
  readonly compressed: Buffer;
}

/** The longest compressed message that one packet carries: 28650 octets, or 28612 when it is encrypted. */
export function singletonCapacity(overhead: Overhead): number {
  return PAYLOAD_LENGTH - overhead - START;
}

/** A payload of 28672 - `overhead` octets; its padding is drawn from `random` at once.   spec: mixminion-e2e 4.1 */
export function writeSingleton(compressed: Uint8Array, overhead: Overhead, random: Random): Buffer {
  const padding = singletonCapacity(overhead) - compressed.length;
  if (padding < 0) throw new PayloadError('too-large', 'the message does not fit into one packet');
  const payload = Buffer.concat([Buffer.alloc(START), compressed, random.bytes(padding)]);
  payload.writeUInt16BE(compressed.length);
  payload.set(sha1(payload.subarray(START)), SIZE_LENGTH);
  return payload;
}

/** The message in a payload, its digest not looked at. Throws PayloadError when the size field cannot be true. */
export function parseSingleton(payload: Buffer): Singleton {
  const size = payload.readUInt16BE();
  if (size > payload.length - START)
    throw new PayloadError('payload-field', 'the message would end behind its payload');
  return { kind: 'singleton', compressed: payload.subarray(START, START + size) };
}

/** Whether the digest of a payload read as a singleton holds. */
export function singletonDigestHolds(payload: Buffer): boolean {
  return sha1(payload.subarray(START)).equals(payload.subarray(SIZE_LENGTH, START));
}
