// crypto.json of the original program, through the public face alone: digests, streams, ciphers, keys.

import { expect, test } from 'vitest';
import { hex, mixminionVectors } from '../../../test/support/vectors.ts';
import { Mix3BadFormatError, Mix3SecretKey, primitives, type Random } from './index.ts';

const { sha1, sha256, keystream, CounterRandom, CryptoError } = primitives;
const digest = (octets: Uint8Array) => sha256(octets).toString('hex');
const hexOf = (octets: Uint8Array) => Buffer.from(octets).toString('hex');
const fixed = (seed: string): Random => ({ bytes: () => hex(seed) });

interface Wide {
  readonly keys: [string, string, string, string];
  readonly len: number;
  readonly plaintext?: string;
  readonly plaintext_stream_key?: string;
  readonly encrypted?: string;
  readonly encrypted_sha256?: string;
  readonly decrypted?: string;
  readonly decrypted_sha256?: string;
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
  };
  keysets: { master: string; modes: Record<string, Record<'key20' | 'key16', string> & { lioness: string[] }> }[];
  lioness: Wide[];
  bear: Wide[];
  whiten: { in: string; out: string }[];
  oaep_parameter_utf8: string;
  oaep: { data: string; keylen: number; padded: string; param: string; seed: string }[];
  oaep_bad: { name: string; padded: string; param?: string }[];
  rsa: {
    bits: number;
    private_pem: string;
    private_der_pkcs1: string;
    private_pem_encrypted: { password: string; pem: string };
    public_der_pkcs1: string;
    fingerprint: string;
    encrypt: { data: string; oaep_seed: string; ciphertext: string }[];
    signatures: { data: string; oaep_seed?: string; signature: string }[];
    bad_signature: { signature: string };
  }[];
}>('crypto');

test('digests and streams', () => {
  for (const { in: input, out } of vectors.sha1) expect(hexOf(sha1(hex(input)))).toBe(out);
  const { key, len, out } = vectors.sha1_stream;
  expect(hexOf(sha1(keystream(hex(key), len)))).toBe(out);
  for (const vector of vectors.aes_ctr) {
    const { offset, len: length } = vector;
    expect(hexOf(keystream(hex(vector.key), length, offset))).toBe(vector.keystream);
    expect(hexOf(primitives.aesCtr(hex(vector.key), hex(vector.plaintext), offset))).toBe(vector.ciphertext);
  }
  const { aes_ctr_long: long } = vectors;
  expect(digest(keystream(hex(long.key), long.len))).toBe(long.keystream_sha256);
  expect(hexOf(keystream(hex(long.key), 16, long.len - 16))).toBe(long.last16);
});

test('random draws', () => {
  const { seed, reads, getInt, shuffle_0_to_19: order } = vectors.aes_counter_prng;
  const octets = new CounterRandom(hex(seed));
  for (const { n, out } of reads) {
    const drawn = octets.bytes(n);
    expect(out.startsWith('sha256:') ? `sha256:${digest(drawn)}` : hexOf(drawn)).toBe(out);
  }
  const numbers = new CounterRandom(hex(seed));
  for (const [bound, value] of getInt) expect(primitives.randomInt(numbers, bound)).toBe(value);
  const places = Array.from({ length: 20 }, (_, i) => i);
  expect(primitives.shuffle(new CounterRandom(hex(seed)), places)).toEqual(order);
});

test('keys and wide blocks', () => {
  for (const { master, modes } of vectors.keysets)
    for (const [mode, { key20, key16, lioness }] of Object.entries(modes)) {
      expect(hexOf(sha1(hex(master), Buffer.from(mode)))).toBe(key20);
      expect(hexOf(primitives.subkey(hex(master), mode))).toBe(key16);
      expect(primitives.lionessKeys(hex(master), mode).map(hexOf)).toEqual(lioness);
    }
  const check = (made: Buffer, whole: string | undefined, summary: string | undefined) =>
    expect(whole === undefined ? digest(made) : hexOf(made)).toBe(whole ?? summary);
  for (const [list, seal, open] of [
    [vectors.lioness, primitives.lionessEncrypt, primitives.lionessDecrypt],
    [vectors.bear, primitives.bearEncrypt, primitives.bearDecrypt],
  ] as const)
    for (const { keys, plaintext, plaintext_stream_key, len, ...made } of list) {
      const set = keys.map(hex) as [Buffer, Buffer, Buffer, Buffer];
      const block = plaintext === undefined ? keystream(hex(plaintext_stream_key ?? ''), len) : hex(plaintext);
      check(seal(set, block), made.encrypted, made.encrypted_sha256);
      check(open(set, block), made.decrypted, made.decrypted_sha256);
    }
  for (const { in: plain, out } of vectors.whiten) {
    expect(hexOf(primitives.whiten(hex(plain)))).toBe(out);
    expect(hexOf(primitives.unwhiten(hex(out)))).toBe(plain);
  }
});

test('OAEP and RSA', () => {
  expect(Buffer.from(primitives.OAEP_LABEL).toString()).toBe(vectors.oaep_parameter_utf8);
  for (const { data, keylen, padded, param, seed } of vectors.oaep) {
    expect(hexOf(primitives.oaepPad(hex(data), keylen, fixed(seed), hex(param)))).toBe(padded);
    expect(hexOf(primitives.oaepUnpad(hex(padded), hex(param)))).toBe(data);
  }
  for (const { padded, param } of vectors.oaep_bad)
    expect(() => primitives.oaepUnpad(hex(padded), param === undefined ? primitives.OAEP_LABEL : hex(param))).toThrow(
      CryptoError,
    );
  for (const vector of vectors.rsa) {
    const key = Mix3SecretKey.fromPem(vector.private_pem);
    expect(hexOf(key.toDer())).toBe(vector.private_der_pkcs1);
    expect(hexOf(key.publicKey.toDer())).toBe(vector.public_der_pkcs1);
    expect([key.publicKey.bits, key.publicKey.fingerprint]).toEqual([vector.bits, vector.fingerprint]);
    const { pem, password } = vector.private_pem_encrypted;
    expect(Mix3SecretKey.fromPem(pem, password).publicKey.fingerprint).toBe(vector.fingerprint);
    expect(() => Mix3SecretKey.fromPem(pem, `${password}?`)).toThrow(Mix3BadFormatError);
    for (const { data, oaep_seed, ciphertext } of vector.encrypt) {
      expect(hexOf(key.publicKey.encrypt(hex(data), fixed(oaep_seed)))).toBe(ciphertext);
      expect(hexOf(key.decrypt(hex(ciphertext)))).toBe(data);
    }
    for (const { data, oaep_seed, signature } of vector.signatures) {
      expect(key.publicKey.verify(hex(signature), hex(data))).toBe(true);
      if (oaep_seed !== undefined) expect(hexOf(key.sign(hex(data), fixed(oaep_seed)))).toBe(signature);
    }
    expect(() => key.publicKey.recover(hex(vector.bad_signature.signature))).toThrow(CryptoError);
  }
});
