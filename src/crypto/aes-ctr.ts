// The Type III stream cipher: AES-128 in counter mode, the counter block starting at zero, addressed by octet.
// The same stream over zeros is the system's generator of junk and, in tests, of every random choice.

import { type Cipheriv, createCipheriv } from 'node:crypto';
import { asBuffer } from '../base/bytes.ts';
import type { Random } from '../base/random.ts';

const BLOCK = 16;
const FIRST_BLOCK = Buffer.alloc(BLOCK);

// Node 24 finds out by a thrown and caught error that octets are no key object, which takes five times as long as the
// cipher itself. Of a text it knows at once.
const KEY_IS_TEXT = { encoding: 'latin1' } as const;

/** `data` XOR the keystream of `key` (16 octets) from octet `offset` on.   spec: mixminion-packet 1.2 */
export function aesCtr(key: Uint8Array, data: Uint8Array, offset = 0): Buffer {
  return counterCipher(asBuffer(key).toString('latin1'), offset).update(data);
}

/** The same from octet 0, with the key as a text of one octet a character: the form in which a digest comes. */
export function aesCtrByText(key: string, data: Uint8Array): Buffer {
  return counterCipher(key, 0).update(data);
}

/** `length` octets of the keystream of `key` (16 octets), from octet `offset` on.   spec: mixminion-packet 1.2 */
export function keystream(key: Uint8Array, length: number, offset = 0): Buffer {
  return aesCtr(key, Buffer.alloc(length), offset);
}

/** A repeatable source of randomness: successive draws take successive octets of one keystream. */
export class CounterRandom implements Random {
  readonly #cipher: Cipheriv;

  constructor(key: Uint8Array, offset = 0) {
    this.#cipher = counterCipher(asBuffer(key).toString('latin1'), offset);
  }

  bytes(count: number): Buffer {
    return this.#cipher.update(Buffer.alloc(count));
  }
}

function counterCipher(key: string, offset: number): Cipheriv {
  const skipped = offset % BLOCK;
  const cipher = createCipheriv('aes-128-ctr', key, counterAt(offset), KEY_IS_TEXT);
  if (skipped > 0) cipher.update(Buffer.alloc(skipped));
  return cipher;
}

function counterAt(offset: number): Buffer {
  if (offset < BLOCK) return FIRST_BLOCK;
  const counter = Buffer.alloc(BLOCK);
  counter.writeBigUInt64BE(BigInt(Math.floor(offset / BLOCK)), BLOCK - 8);
  return counter;
}
