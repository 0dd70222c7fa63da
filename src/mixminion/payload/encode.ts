// From a message to the plaintext payloads that carry it: one when it fits, else whitened, cut up and coded.
// spec: mixminion-e2e 1, 6

import type { Random } from '../../base/random.ts';
import { whiten } from '../../crypto/lioness.ts';
import { DIGEST_LENGTH } from '../packet/layout.ts';
import { compress } from './compress.ts';
import { PayloadError } from './errors.ts';
import { checkBlocks } from './fec.ts';
import { writeFragment } from './fragment.ts';
import { type FragmentPlan, planFragments } from './fragment-plan.ts';
import { singletonCapacity, writeSingleton } from './singleton.ts';
import type { Overhead } from './sizes.ts';

/** Octets of a compressed message; some 50,000 packets, and all of it is in memory at once. */
const MAX_MESSAGE = 2 ** 30;

export interface EncodeOptions {
  readonly overhead: Overhead;
  /** Goes in front of a message that needs several packets and is put together by its exit server. */
  readonly exitPrefix?: Uint8Array;
  /** One packet: its padding is drawn. Several: the message id, then the padding of the last chunk. */
  readonly random: Random;
}

/** The payloads of a message, header block included, each of 28672 - overhead octets. Shuffle several before sending. */
export function encodeMessage(message: Uint8Array, options: EncodeOptions): Buffer[] {
  return encodeCompressed(compress(message), options);
}

/** As `encodeMessage`, for a message compressed already. */
export function encodeCompressed(compressed: Uint8Array, options: EncodeOptions): Buffer[] {
  if (compressed.length <= singletonCapacity(options.overhead))
    return [writeSingleton(compressed, options.overhead, options.random)];
  return fragments(Buffer.concat([options.exitPrefix ?? Buffer.alloc(0), compressed]), options);
}

/** How many packets a compressed message takes; `prefixLength` octets go in front of it when they are several. */
export function countPackets(compressedLength: number, overhead: Overhead, prefixLength = 0): number {
  if (compressedLength <= singletonCapacity(overhead)) return 1;
  return planFragments(compressedLength + prefixLength, overhead).packets;
}

// Fragment c * n + j is block j of chunk c.   spec: mixminion-e2e 6.2
function fragments(message: Buffer, { overhead, random }: EncodeOptions): Buffer[] {
  if (message.length > MAX_MESSAGE) throw new PayloadError('too-large', 'the message is too large to be sent');
  const plan = planFragments(message.length, overhead);
  const messageId = random.bytes(DIGEST_LENGTH);
  const padding = random.bytes(plan.paddedLength - message.length);
  const whole = Buffer.concat([whiten(message), padding]); // padded after whitening
  const payloads: Buffer[] = [];
  for (let chunk = 0; chunk < plan.chunks; chunk += 1)
    for (const data of codedChunk(whole, chunk, plan))
      payloads.push(writeFragment({ index: payloads.length, messageId, messageSize: message.length, data }));
  return payloads;
}

/** The n blocks of a chunk: its k pieces, then the check blocks. */
function codedChunk(whole: Buffer, chunk: number, { chunkSize, capacity, k, n }: FragmentPlan): Buffer[] {
  const start = chunk * chunkSize;
  const blocks = Array.from({ length: k }, (_, j) => whole.subarray(start + j * capacity, start + (j + 1) * capacity));
  return [...blocks, ...checkBlocks(blocks, n)];
}
