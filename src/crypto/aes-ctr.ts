// The Type III stream cipher: AES-128 in counter mode, the counter block starting at zero, addressed by octet.
// The same stream over zeros is the system's generator of junk and, in tests, of every random choice.

import { type Cipheriv, createCipheriv, createSecretKey } from 'node:crypto';
import type { Random } from '../base/random.ts';

const BLOCK = 16;

/** `data` XOR the keystream of `key` (16 octets) from octet `offset` on.   spec: mixminion-packet 1.2 */
export function aesCtr(key: Uint8Array, data: Uint8Array, offset = 0): Buffer {
  return counterCipher(key, offset).update(data);
}

/** `length` octets of the keystream of `key` (16 octets), from octet `offset` on.   spec: mixminion-packet 1.2 */
export function keystream(key: Uint8Array, length: number, offset = 0): Buffer {
  return aesCtr(key, Buffer.alloc(length), offset);
}

/** A repeatable source of randomness: successive draws take successive octets of one keystream. */
export class CounterRandom implements Random {
  readonly #cipher: Cipheriv;

  constructor(key: Uint8Array, offset = 0) {
    this.#cipher = counterCipher(key, offset);
  }

  bytes(count: number): Buffer {
    return this.#cipher.update(Buffer.alloc(count));
  }
}

function counterCipher(key: Uint8Array, offset: number): Cipheriv {
  const counter = Buffer.alloc(BLOCK);
  counter.writeBigUInt64BE(BigInt(Math.floor(offset / BLOCK)), BLOCK - 8);
  // Given raw octets Node makes the cipher three times slower than given a key object made on the spot.
  const cipher = createCipheriv('aes-128-ctr', createSecretKey(key), counter);
  const skipped = offset % BLOCK;
  if (skipped > 0) cipher.update(Buffer.alloc(skipped));
  return cipher;
}
