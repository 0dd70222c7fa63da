// LIONESS, the wide-block cipher of Type III: a change of any bit of the block changes all of it. Also the key
// derivation that every Type III key comes from, and whitening, which is LIONESS under a key that all know.
//
// Speed decides what a mix can carry, so the work is done where the block lies. A digest round hashes K | R | K: the
// left half is lifted out, the key put into its place and once more behind the block, and one call hashes it all.

import { aesCtrInPlace } from './aes-ctr.ts';
import { CryptoError } from './errors.ts';
import { sha1, sha1Text } from './hash.ts';

const DIGEST = 20;
const AES_KEY = 16;

/** Four keys of 20 octets that differ in the last octet. */
export type LionessKeys = readonly [Buffer, Buffer, Buffer, Buffer];

/** How many octets must follow a block that is worked on in place. Their content is kept. */
export const LIONESS_ROOM = DIGEST;

/** The 16-octet key for `mode`, an ASCII text, under a master secret.   spec: mixminion-packet 1.3 */
export function subkey(master: Uint8Array, mode: string): Buffer {
  return sha1(master, Buffer.from(mode, 'latin1')).subarray(0, AES_KEY);
}

/** The key set for `mode` under a master secret.   spec: mixminion-packet 1.4 */
export function lionessKeys(master: Uint8Array, mode: string): LionessKeys {
  const first = sha1(master, Buffer.from(mode, 'latin1'));
  return [first, lastOctetXor(first, 1), lastOctetXor(first, 2), lastOctetXor(first, 3)];
}

/** The sealed block, as long as `block`, which has 21 octets or more (else CryptoError).   spec: mixminion-packet 1.4 */
export function lionessEncrypt(keys: LionessKeys, block: Uint8Array): Buffer {
  const copy = withRoom(block);
  lionessEncryptAt(keys, copy, 0, block.byteLength);
  return copy.subarray(0, block.byteLength);
}

/** The block that `lionessEncrypt` made `block` of. Any block opens to something: nothing is authenticated here. */
export function lionessDecrypt(keys: LionessKeys, block: Uint8Array): Buffer {
  const copy = withRoom(block);
  lionessDecryptAt(keys, copy, 0, block.byteLength);
  return copy.subarray(0, block.byteLength);
}

/** Seals octets `start` to `end` of `buffer` where they lie; `LIONESS_ROOM` octets must follow them. */
export function lionessEncryptAt([k1, k2, k3, k4]: LionessKeys, buffer: Buffer, start: number, end: number): void {
  const block = lift(buffer, start, end);
  streamRound(block, k1);
  digestRound(block, k2);
  streamRound(block, k3);
  digestRound(block, k4);
  putBack(block);
}

/** Opens octets `start` to `end` of `buffer` where they lie; `LIONESS_ROOM` octets must follow them. */
export function lionessDecryptAt([k1, k2, k3, k4]: LionessKeys, buffer: Buffer, start: number, end: number): void {
  const block = lift(buffer, start, end);
  digestRound(block, k4);
  streamRound(block, k3);
  digestRound(block, k2);
  streamRound(block, k1);
  putBack(block);
}

const WHITENING = lionessKeys(Buffer.from('WHITEN'), 'WHITEN');

/** `block` made to look like noise, without a secret: all of it is needed to read any of it.   spec: mixminion-packet 1.3 */
export function whiten(block: Uint8Array): Buffer {
  return lionessEncrypt(WHITENING, block);
}

/** What `whiten` made `block` of. */
export function unwhiten(block: Uint8Array): Buffer {
  return lionessDecrypt(WHITENING, block);
}

interface Lifted {
  readonly left: Buffer;
  readonly right: Buffer;
  /** The place of the left half, the right half, and the room behind it. */
  readonly keyed: Buffer;
  readonly behind: Buffer;
}

function lift(buffer: Buffer, start: number, end: number): Lifted {
  if (end - start <= DIGEST)
    throw new CryptoError('block-too-short', 'a block of 20 octets or fewer cannot be ciphered');
  const left = Buffer.allocUnsafe(DIGEST);
  const behind = Buffer.allocUnsafe(DIGEST);
  buffer.copy(left, 0, start, start + DIGEST);
  buffer.copy(behind, 0, end, end + DIGEST);
  return { left, behind, right: buffer.subarray(start + DIGEST, end), keyed: buffer.subarray(start, end + DIGEST) };
}

function putBack({ left, keyed, behind }: Lifted): void {
  keyed.set(left, 0);
  keyed.set(behind, keyed.byteLength - DIGEST);
}

// Filled and hashed within one call of `streamRound`, never kept across it.
const keyLeftKey = Buffer.alloc(3 * DIGEST);

function streamRound({ left, right }: Lifted, key: Buffer): void {
  keyLeftKey.set(key, 0);
  keyLeftKey.set(left, DIGEST);
  keyLeftKey.set(key, 2 * DIGEST);
  aesCtrInPlace(sha1Text(keyLeftKey).slice(0, AES_KEY), right);
}

function digestRound({ left, keyed }: Lifted, key: Buffer): void {
  keyed.set(key, 0);
  keyed.set(key, keyed.byteLength - DIGEST);
  const mask = sha1Text(keyed);
  for (let i = 0; i < DIGEST; i += 1) left[i] = (left[i] ?? 0) ^ mask.charCodeAt(i);
}

function withRoom(block: Uint8Array): Buffer {
  const copy = Buffer.allocUnsafeSlow(block.byteLength + DIGEST);
  copy.set(block);
  copy.fill(0, block.byteLength);
  return copy;
}

function lastOctetXor(key: Buffer, value: number): Buffer {
  const changed = Buffer.from(key);
  changed[DIGEST - 1] = (changed[DIGEST - 1] ?? 0) ^ value;
  return changed;
}
