// EME-OAEP with SHA-1 and MGF1, by hand: Type III signatures put it under the private operation, which no library
// call offers, and packets must be repeatable from a given seed. Unpadding takes the same steps for good and bad input.

import type { Random } from '../base/random.ts';
import { CryptoError } from './errors.ts';
import { sha1, sha1Text } from './hash.ts';

const DIGEST = 20;

/** Octets that the padding takes: a modulus of k octets carries k - 42.   spec: mixminion-packet 1.5 */
export const OAEP_OVERHEAD = 2 * DIGEST + 2;

/** The label of every RSA operation in Type III.   spec: mixminion-packet 1.5 */
export const OAEP_LABEL: Uint8Array = Buffer.from(
  'He who would make his own liberty secure, must guard even his enemy from oppression.',
);
const SYSTEM_LABEL_DIGEST = sha1(OAEP_LABEL);

/**
 * `data` padded to `size` octets, drawing the 20-octet seed from `random`. Throws CryptoError when `data` is longer
 * than `size - 42`.   spec: mixminion-packet 1.5
 */
export function oaepPad(data: Uint8Array, size: number, random: Random, label: Uint8Array = OAEP_LABEL): Buffer {
  if (data.byteLength > size - OAEP_OVERHEAD)
    throw new CryptoError('data-too-long', 'the data do not fit under this key');
  const padded = Buffer.alloc(size);
  const seed = padded.subarray(1, 1 + DIGEST);
  const block = padded.subarray(1 + DIGEST);
  seed.set(random.bytes(DIGEST));
  block.set(labelDigest(label));
  block[block.byteLength - data.byteLength - 1] = 1;
  block.set(data, block.byteLength - data.byteLength);
  xorMask(block, seed);
  xorMask(seed, block);
  return padded;
}

/** The data that `padded` carries. Every fault gives the same CryptoError, in the same time; `padded` is overwritten. */
export function oaepUnpad(padded: Buffer, label: Uint8Array = OAEP_LABEL): Buffer {
  if (padded.byteLength < OAEP_OVERHEAD) throw badPadding();
  const seed = padded.subarray(1, 1 + DIGEST);
  const block = padded.subarray(1 + DIGEST);
  xorMask(seed, block);
  xorMask(block, seed);

  // Faults are gathered in the bits of one number and looked at once, so that time tells nothing of where they lie.
  let fault = padded[0] ?? 0;
  const digest = labelDigest(label);
  for (let i = 0; i < DIGEST; i += 1) fault |= (block[i] ?? 0) ^ (digest[i] ?? 0);
  let before = 1; // 1 until the octet 01 that ends the zeros
  let start = 0;
  for (let i = DIGEST; i < block.byteLength; i += 1) {
    const octet = block[i] ?? 0;
    const isZero = (octet - 1) >>> 31;
    const isOne = ((octet ^ 1) - 1) >>> 31;
    fault |= before & ~isZero & ~isOne & 1;
    start |= -(before & isOne) & (i + 1);
    before &= ~isOne;
  }
  if ((fault | before) !== 0) throw badPadding();
  return block.subarray(start);
}

function badPadding(): CryptoError {
  return new CryptoError('bad-padding', 'this was not sealed for this key, or it is damaged');
}

function labelDigest(label: Uint8Array): Buffer {
  return label === OAEP_LABEL ? SYSTEM_LABEL_DIGEST : sha1(label);
}

/** XORs the MGF1 mask that grows from `seed` into `target`. */
function xorMask(target: Buffer, seed: Uint8Array): void {
  const counted = Buffer.alloc(seed.byteLength + 4);
  counted.set(seed);
  for (let at = 0, count = 0; at < target.byteLength; at += DIGEST, count += 1) {
    counted.writeUInt32BE(count, seed.byteLength);
    const mask = sha1Text(counted);
    const end = Math.min(DIGEST, target.byteLength - at);
    for (let i = 0; i < end; i += 1) target[at + i] = (target[at + i] ?? 0) ^ mask.charCodeAt(i);
  }
}
