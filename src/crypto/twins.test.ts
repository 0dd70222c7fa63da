// The fast code against slow readable twins on random input: LIONESS from its picture, OAEP and RSA on BigInt.

import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hex, mixminionVectors } from '../../test/support/vectors.ts';
import { type Random, systemRandom } from '../base/random.ts';
import { aesCtr } from './aes-ctr.ts';
import { CryptoError } from './errors.ts';
import { lionessDecrypt, lionessEncrypt, lionessEncryptAt, lionessKeys } from './lioness.ts';
import { OAEP_LABEL, oaepPad, oaepUnpad } from './oaep.ts';
import { RsaPrivateKey, RsaPublicKey } from './rsa.ts';

const H = (...parts: Uint8Array[]) => createHash('sha1').update(Buffer.concat(parts)).digest();
const xor = (a: Uint8Array, b: Uint8Array) => Buffer.from(a.map((octet, i) => octet ^ (b[i] ?? 0)));
const numberOf = (octets: Uint8Array) => BigInt(`0x${Buffer.from(octets).toString('hex')}`);
const octetsOf = (value: bigint, size: number) => hex(value.toString(16).padStart(2 * size, '0'));
const of = (seed: Uint8Array): Random => ({ bytes: () => Buffer.from(seed) });
const octets = (min: number, max = min) => fc.uint8Array({ minLength: min, maxLength: max });

function lionessTwin([k1, k2, k3, k4]: readonly Buffer[], block: Uint8Array): Buffer {
  if (!k1 || !k2 || !k3 || !k4) throw new Error('four keys');
  let left = Buffer.from(block.subarray(0, 20)) as Buffer;
  let right = Buffer.from(block.subarray(20)) as Buffer;
  right = aesCtr(H(k1, left, k1).subarray(0, 16), right);
  left = xor(left, H(k2, right, k2));
  right = aesCtr(H(k3, left, k3).subarray(0, 16), right);
  left = xor(left, H(k4, right, k4));
  return Buffer.concat([left, right]);
}

function maskTwin(seed: Uint8Array, length: number): Buffer {
  const pieces: Buffer[] = [];
  for (let i = 0; i * 20 < length; i += 1) pieces.push(H(seed, octetsOf(BigInt(i), 4)));
  return Buffer.concat(pieces).subarray(0, length);
}

function padTwin(data: Uint8Array, size: number, seed: Uint8Array, label: Uint8Array): Buffer {
  const plain = Buffer.concat([H(label), Buffer.alloc(size - 42 - data.length), Buffer.from([1]), data]);
  const block = xor(plain, maskTwin(seed, plain.length));
  return Buffer.concat([Buffer.from([0]), xor(seed, maskTwin(block, 20)), block]);
}

function unpadTwin(padded: Uint8Array, label: Uint8Array): Buffer | undefined {
  const [seed, block] = [padded.subarray(1, 21), padded.subarray(21)];
  const plain = xor(block, maskTwin(xor(seed, maskTwin(block, 20)), block.length));
  if (padded[0] !== 0 || !plain.subarray(0, 20).equals(H(label))) return undefined;
  let start = 20;
  while (plain[start] === 0) start += 1;
  return plain[start] === 1 ? plain.subarray(start + 1) : undefined;
}

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let [result, square] = [1n, base % modulus];
  for (let left = exponent; left > 0n; left >>= 1n) {
    if (left & 1n) result = (result * square) % modulus;
    square = (square * square) % modulus;
  }
  return result;
}

const [small] = mixminionVectors<{ rsa: { private_pem: string }[] }>('crypto').rsa.map(({ private_pem: pem }) =>
  RsaPrivateKey.fromPem(pem),
);
if (!small) throw new Error('the vectors lack a key');

test('LIONESS: the same as its picture, and it opens again', () => {
  fc.assert(
    fc.property(octets(16), octets(21, 400), (master, block) => {
      const keys = lionessKeys(master, 'PAYLOAD ENCRYPT');
      const sealed = lionessEncrypt(keys, block);
      expect(sealed.equals(lionessTwin(keys, block))).toBe(true);
      expect(lionessDecrypt(keys, sealed).equals(block)).toBe(true);
      expect(lionessEncrypt(keys, lionessDecrypt(keys, block)).equals(block)).toBe(true);
    }),
  );
});

test('LIONESS in place leaves what lies around the block', () => {
  const keys = lionessKeys(Buffer.alloc(16, 7), 'HEADER ENCRYPT');
  const buffer = systemRandom.bytes(200);
  const before = Buffer.from(buffer);
  lionessEncryptAt(keys, buffer, 50, 150);
  expect(buffer.subarray(0, 50)).toEqual(before.subarray(0, 50));
  expect(buffer.subarray(150)).toEqual(before.subarray(150));
  expect(buffer.subarray(50, 150)).toEqual(lionessTwin(keys, before.subarray(50, 150)));
});

test('OAEP: the same as the twin in both directions, for any label', () => {
  fc.assert(
    fc.property(octets(0, 86), octets(20), octets(0, 30), (data, seed, label) => {
      const padded = oaepPad(data, 128, of(seed), label);
      expect(padded.equals(padTwin(data, 128, seed, label))).toBe(true);
      expect(oaepUnpad(Buffer.from(padded), label).equals(data)).toBe(true);
    }),
  );
});

test('OAEP: padding with any one octet changed inside is refused, as the twin refuses it', () => {
  const size = 128;
  const craft = (plain: Buffer, seed: Buffer) => {
    const block = xor(plain, maskTwin(seed, plain.length));
    return Buffer.concat([Buffer.from([0]), xor(seed, maskTwin(block, 20)), block]);
  };
  fc.assert(
    fc.property(fc.nat({ max: size - 22 }), fc.integer({ min: 0, max: 255 }), octets(20), (at, value, seed) => {
      const plain = Buffer.concat([H(OAEP_LABEL), Buffer.alloc(size - 42 - 16), Buffer.from([1]), Buffer.alloc(16, 9)]);
      plain[at] = value;
      const padded = craft(plain, Buffer.from(seed));
      const expected = unpadTwin(padded, OAEP_LABEL);
      if (expected === undefined) expect(() => oaepUnpad(Buffer.from(padded))).toThrow(CryptoError);
      else expect(oaepUnpad(Buffer.from(padded)).equals(expected)).toBe(true);
    }),
    { numRuns: 500 },
  );
  const noEnd = craft(Buffer.concat([H(OAEP_LABEL), Buffer.alloc(size - 41)]), Buffer.alloc(20, 3));
  expect(() => oaepUnpad(noEnd)).toThrow(CryptoError);
  expect(() => oaepUnpad(Buffer.alloc(41))).toThrow(CryptoError);
});

test('RSA: encryption and signatures are the textbook powers', () => {
  const jwk = small.keyObject.export({ format: 'jwk' });
  const field = (name: 'n' | 'e' | 'd') => numberOf(Buffer.from(String(jwk[name]), 'base64url'));
  const [n, e, d] = [field('n'), field('e'), field('d')];
  fc.assert(
    fc.property(octets(0, 86), octets(20), (data, seed) => {
      const padded = numberOf(padTwin(data, 128, seed, OAEP_LABEL));
      const sealed = small.publicKey.encrypt(data, of(seed));
      expect(sealed.equals(octetsOf(power(padded, e, n), 128))).toBe(true);
      expect(small.decrypt(sealed).equals(data)).toBe(true);
      const signature = small.sign(data, of(seed));
      expect(signature.equals(octetsOf(power(padded, d, n), 128))).toBe(true);
      expect(small.publicKey.verify(signature, data)).toBe(true);
    }),
    { numRuns: 20 },
  );
});

test('random octets never decrypt, verify or parse, and raise only CryptoError', () => {
  fc.assert(
    fc.property(octets(0, 300), (noise) => {
      expect(() => small.decrypt(noise)).toThrow(CryptoError);
      expect(() => small.publicKey.recover(noise)).toThrow(CryptoError);
      expect(small.publicKey.verify(noise, Buffer.alloc(20))).toBe(false);
      expect(() => RsaPublicKey.fromDer(noise)).toThrow(CryptoError);
      expect(() => RsaPrivateKey.fromDer(noise)).toThrow(CryptoError);
    }),
  );
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(() => RsaPrivateKey.fromPem(text)).toThrow(CryptoError);
    }),
  );
});
