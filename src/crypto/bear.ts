// BEAR, the sibling of LIONESS with one stream round between two digest rounds. No Type III format uses it; it
// belongs to the family of primitives that implementations are compared by.

import { aesCtr } from './aes-ctr.ts';
import { CryptoError } from './errors.ts';
import { sha1 } from './hash.ts';

const DIGEST = 20;
const AES_KEY = 16;

/** `block` (21 octets or more, else CryptoError) under the first two keys of a LIONESS set.   spec: mixminion-packet 1.4 */
export function bearEncrypt(
  [first, second]: readonly [Uint8Array, Uint8Array, ...unknown[]],
  block: Uint8Array,
): Buffer {
  return rounds(first, second, block);
}

/** The block that `bearEncrypt` made `block` of. */
export function bearDecrypt(
  [first, second]: readonly [Uint8Array, Uint8Array, ...unknown[]],
  block: Uint8Array,
): Buffer {
  return rounds(second, first, block);
}

function rounds(first: Uint8Array, second: Uint8Array, block: Uint8Array): Buffer {
  if (block.byteLength <= DIGEST)
    throw new CryptoError('block-too-short', 'a block of 20 octets or fewer cannot be ciphered');
  const right = block.subarray(DIGEST);
  const middle = xor(block.subarray(0, DIGEST), sha1(first, right, first));
  const sealed = aesCtr(sha1(middle).subarray(0, AES_KEY), right);
  return Buffer.concat([xor(middle, sha1(second, sealed, second)), sealed]);
}

function xor(a: Uint8Array, b: Uint8Array): Buffer {
  return Buffer.from(a.map((octet, i) => octet ^ (b[i] ?? 0)));
}
