// Every primitive against the vectors of the original program: digests, streams, key sets, wide-block ciphers.

import { expect, test } from 'vitest';
import { hex, mixminionVectors } from '../../test/support/vectors.ts';
import { randomInt, shuffle } from '../base/random.ts';
import { aesCtr, CounterRandom, keystream } from './aes-ctr.ts';
import { bearDecrypt, bearEncrypt } from './bear.ts';
import { CryptoError } from './errors.ts';
import { sha1, sha256 } from './hash.ts';
import { lionessDecrypt, lionessEncrypt, lionessKeys, subkey, unwhiten, whiten } from './lioness.ts';

interface KeySet {
  readonly key20: string;
  readonly key16: string;
  readonly lioness: string[];
  readonly bear: string[];
}

/** Long blocks are given as a stream, and their outcome as a digest. */
interface WideBlock {
  readonly keys: [string, string, string, string];
  readonly len: number;
  readonly plaintext?: string;
  readonly plaintext_stream_key?: string;
  readonly encrypted?: string;
  readonly encrypted_sha256?: string;
  readonly decrypted?: string;
  readonly decrypted_sha256?: string;
}

function plaintextOf({ plaintext, plaintext_stream_key: key, len }: WideBlock): Buffer {
  return plaintext === undefined ? keystream(hex(key ?? ''), len) : hex(plaintext);
}

function expectBlock(block: Buffer, whole: string | undefined, digest: string | undefined): void {
  if (whole === undefined) expect(sha256(block).toString('hex')).toBe(digest);
  else expect(block.toString('hex')).toBe(whole);
}

const vectors = mixminionVectors<{
  sha1: { in: string; out: string }[];
  sha1_stream: { key: string; len: number; out: string };
  aes_ctr: { key: string; offset: number; len: number; plaintext: string; ciphertext: string; keystream: string }[];
  aes_ctr_long: { key: string; len: number; keystream_sha256: string; last16: string };
  aes_counter_prng: {
    seed: string;
    reads: { n: number; out: string }[];
    getInt: [number, number][];
    shuffle_0_to_19: number[];
    shuffle_first5_of_20: number[];
  };
  keysets: { master: string; modes: Record<string, KeySet> }[];
  lioness: WideBlock[];
  bear: WideBlock[];
  whiten: { in: string; out: string }[];
}>('crypto');

// spec: mixminion-packet 1.1
test('digests of one part, of many, of a long one', () => {
  for (const { in: input, out } of vectors.sha1) {
    expect(sha1(hex(input)).toString('hex')).toBe(out);
    const cut = Math.floor(input.length / 4) * 2;
    expect(sha1(hex(input.slice(0, cut)), hex(input.slice(cut))).toString('hex')).toBe(out);
  }
  const { key, len, out } = vectors.sha1_stream;
  const stream = keystream(hex(key), len);
  expect(sha1(stream).toString('hex')).toBe(out);
  expect(sha1(stream.subarray(0, 9000), stream.subarray(9000)).toString('hex')).toBe(out);
});

// spec: mixminion-packet 1.2
test('counter mode at any octet offset', () => {
  expect(vectors.aes_ctr.some(({ offset }) => offset % 16 !== 0)).toBe(true);
  for (const { key, offset, len, plaintext, ciphertext, keystream: stream } of vectors.aes_ctr) {
    expect(keystream(hex(key), len, offset).toString('hex')).toBe(stream);
    expect(aesCtr(hex(key), hex(plaintext), offset).toString('hex')).toBe(ciphertext);
  }
  const { key, len, keystream_sha256: digest, last16 } = vectors.aes_ctr_long;
  const long = keystream(hex(key), len);
  expect(sha256(long).toString('hex')).toBe(digest);
  expect(long.subarray(-16).toString('hex')).toBe(last16);
  expect(keystream(hex(key), 16, len - 16).toString('hex')).toBe(last16);
});

test('the generator draws octets, numbers and orders as the original does', () => {
  const { seed, reads, getInt, shuffle_0_to_19: order, shuffle_first5_of_20: few } = vectors.aes_counter_prng;
  const octets = new CounterRandom(hex(seed));
  for (const { n, out } of reads) {
    const drawn = octets.bytes(n);
    expect(out.startsWith('sha256:') ? `sha256:${sha256(drawn).toString('hex')}` : drawn.toString('hex')).toBe(out);
  }
  const numbers = new CounterRandom(hex(seed));
  for (const [bound, value] of getInt) expect(randomInt(numbers, bound)).toBe(value);
  const twenty = Array.from({ length: 20 }, (_, i) => i);
  const shuffled = shuffle(new CounterRandom(hex(seed)), twenty);
  expect(shuffled).toEqual(order);
  expect(shuffled.slice(0, few.length)).toEqual(few);
  expect(new CounterRandom(hex(seed), 37).bytes(5)).toEqual(keystream(hex(seed), 5, 37));
});

// spec: mixminion-packet 1.3
test('every key comes from the master secret and the mode', () => {
  for (const { master, modes } of vectors.keysets) {
    for (const [mode, { key20, key16, lioness, bear }] of Object.entries(modes)) {
      expect(sha1(hex(master), Buffer.from(mode)).toString('hex')).toBe(key20);
      expect(subkey(hex(master), mode).toString('hex')).toBe(key16);
      const keys = lionessKeys(hex(master), mode).map((key) => key.toString('hex'));
      expect(keys).toEqual(lioness);
      expect(keys.slice(0, 2)).toEqual(bear);
    }
  }
});

// spec: mixminion-packet 1.4
test('wide blocks seal and open as in the original', () => {
  for (const vector of vectors.lioness) {
    const [k1, k2, k3, k4] = vector.keys;
    const keys = [hex(k1), hex(k2), hex(k3), hex(k4)] as const;
    const block = plaintextOf(vector);
    expectBlock(lionessEncrypt(keys, block), vector.encrypted, vector.encrypted_sha256);
    expectBlock(lionessDecrypt(keys, block), vector.decrypted, vector.decrypted_sha256);
  }
  for (const vector of vectors.bear) {
    const keys = [hex(vector.keys[0]), hex(vector.keys[1])] as const;
    const block = plaintextOf(vector);
    expectBlock(bearEncrypt(keys, block), vector.encrypted, vector.encrypted_sha256);
    expectBlock(bearDecrypt(keys, block), vector.decrypted, vector.decrypted_sha256);
  }
  for (const { in: input, out } of vectors.whiten) {
    expect(whiten(hex(input)).toString('hex')).toBe(out);
    expect(unwhiten(hex(out)).toString('hex')).toBe(input);
  }
});

test('a block without a right half cannot be ciphered', () => {
  const keys = lionessKeys(Buffer.alloc(16), 'WHITEN');
  for (const cipher of [lionessEncrypt, lionessDecrypt, bearEncrypt, bearDecrypt]) {
    expect(() => cipher(keys, Buffer.alloc(20))).toThrow(CryptoError);
    expect(cipher(keys, Buffer.alloc(21))).toHaveLength(21);
  }
});

// The figures of the digest itself, section 9.   spec: mixminion-packet 9
test('the worked figures of the specification', () => {
  const master = hex('000102030405060708090a0b0c0d0e0f');
  const secret = subkey(master, 'HEADER SECRET KEY');
  expect(secret.toString('hex')).toBe('b25242bfa8579d4c96a9a455b9295711');
  expect(keystream(secret, 16, 21).toString('hex')).toBe('e48b8de156f748bb4faa7b9a6ae80fc7');
  const sealed = lionessEncrypt(lionessKeys(master, 'PAYLOAD ENCRYPT'), Buffer.alloc(28672));
  expect(sha1(sealed).toString('hex')).toBe('7ae44628f1e2309b923a02be96a8304049eaff8d');
});
