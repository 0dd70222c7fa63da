// The Type III stream cipher: AES-128 in counter mode, the counter block starting at zero, addressed by octet.
// The same stream over zeros is the system's generator of junk and, in tests, of every random choice.

import { type Cipheriv, createCipheriv } from 'node:crypto';
import { asBuffer } from '../base/bytes.ts';
import type { Random } from '../base/random.ts';

/** 16 octets, or the same as a text of one octet a character: the form in which `sha1Text` gives them. */
export type AesKey = Uint8Array | string;

const BLOCK = 16;
const FIRST_BLOCK = Buffer.alloc(BLOCK);

// Node 24 finds out by a thrown and caught error that octets are no key object, which takes five times as long as the
// cipher itself. Of a text it knows at once.
const KEY_IS_TEXT = { encoding: 'latin1' } as const;

/** `data` XOR the keystream of `key` (16 octets) from octet `offset` on.   spec: mixminion-packet 1.2 */
export function aesCtr(key: Uint8Array, data: Uint8Array, offset = 0): Buffer {
  return counterCipher(key, offset).update(data);
}

/** The same where the data lie, from octet 0 on: cheaper, for the inner loops. */
export function aesCtrInPlace(key: AesKey, data: Uint8Array): void {
  const output = counterCipher(key, 0).update(data);
  data.set(output);
  // Node makes new memory for each output. Given back at once, it is still in the cache when the next one needs it.
  const { buffer } = output;
  if (buffer instanceof ArrayBuffer && buffer.byteLength === output.byteLength) buffer.transfer(0);
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

function counterCipher(key: AesKey, offset: number): Cipheriv {
  const text = typeof key === 'string' ? key : asBuffer(key).toString('latin1');
  const skipped = offset % BLOCK;
  const cipher = createCipheriv('aes-128-ctr', text, counterAt(offset), KEY_IS_TEXT);
  if (skipped > 0) cipher.update(Buffer.alloc(skipped));
  return cipher;
}

function counterAt(offset: number): Buffer {
  if (offset < BLOCK) return FIRST_BLOCK;
  const counter = Buffer.alloc(BLOCK);
  counter.writeBigUInt64BE(BigInt(Math.floor(offset / BLOCK)), BLOCK - 8);
  return counter;
}
