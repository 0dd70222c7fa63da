// The payload that carries one fragment of a message.   spec: mixminion-e2e 4.2
//
//   u24 index, top bit 1 | SHA-1 of the rest (20) | message id (20) | u32 message size | fragment data

import { sha1 } from '../../crypto/hash.ts';
import { DIGEST_LENGTH, PAYLOAD_LENGTH } from '../packet/layout.ts';
import { PayloadError } from './errors.ts';
import { type Overhead, overheadOf } from './sizes.ts';

const INDEX_LENGTH = 3;
const FLAG = 0x800000;
const DIGEST_END = INDEX_LENGTH + DIGEST_LENGTH;
const SIZE_START = DIGEST_END + DIGEST_LENGTH;
const START = SIZE_START + 4;

export interface Fragment {
  readonly kind: 'fragment';
  /** Place among all fragments of the message, 0 to 2^23 - 1. */
  readonly index: number;
  /** 20 random octets, the same in all fragments of the message. */
  readonly messageId: Buffer;
  /** Octets of the compressed message, an exit prefix included, before padding. */
  readonly messageSize: number;
  readonly overhead: Overhead;
  /** `fragmentCapacity(overhead)` octets. */
  readonly data: Buffer;
}

/** Octets of data in each fragment: 28625, or 28587 when it is encrypted. */
export function fragmentCapacity(overhead: Overhead): number {
  return PAYLOAD_LENGTH - overhead - START;
}

/** A payload of 28672 - overhead octets.   spec: mixminion-e2e 4.2 */
export function writeFragment({ index, messageId, messageSize, data }: Omit<Fragment, 'kind' | 'overhead'>): Buffer {
  const payload = Buffer.concat([Buffer.alloc(START), data]);
  payload.writeUIntBE(FLAG | index, 0, INDEX_LENGTH);
  payload.set(messageId, DIGEST_END);
  payload.writeUInt32BE(messageSize, SIZE_START);
  payload.set(sha1(payload.subarray(DIGEST_END)), INDEX_LENGTH);
  return payload;
}

/**
 * The fragment in a payload, its digest not looked at. Throws PayloadError when the payload has no length that
 * fragments have, or the message would not have needed fragments.
 */
export function parseFragment(payload: Buffer): Fragment {
  const overhead = overheadOf(payload.length);
  if (overhead === undefined) throw new PayloadError('payload-length', 'no payload has this length');
  const messageSize = payload.readUInt32BE(SIZE_START);
  if (messageSize <= fragmentCapacity(overhead))
    throw new PayloadError('payload-field', 'a message this small has no fragments');
  return {
    kind: 'fragment',
    index: payload.readUIntBE(0, INDEX_LENGTH) & ~FLAG,
    messageId: payload.subarray(DIGEST_END, SIZE_START),
    messageSize,
    overhead,
    data: payload.subarray(START),
  };
}

/** Whether the digest of a payload read as a fragment holds. */
export function fragmentDigestHolds(payload: Buffer): boolean {
  return sha1(payload.subarray(DIGEST_END)).equals(payload.subarray(INDEX_LENGTH, DIGEST_END));
}
