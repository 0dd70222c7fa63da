// RSA and OAEP against the vectors of the original program.

import { createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto';
import { expect, test } from 'vitest';
import { hex, mixminionVectors } from '../../test/support/vectors.ts';
import { type Random, systemRandom } from '../base/random.ts';
import { CryptoError } from './errors.ts';
import { OAEP_LABEL, oaepPad, oaepUnpad } from './oaep.ts';
import { RsaPrivateKey, RsaPublicKey } from './rsa.ts';

const vectors = mixminionVectors<{
  oaep_parameter_utf8: string;
  oaep: { data: string; keylen: number; padded: string; param: string; seed: string }[];
  oaep_bad: { name: string; padded: string; param?: string; result: string }[];
  rsa: {
    bits: number;
    private_pem: string;
    private_der_pkcs1: string;
    private_pem_encrypted: { password: string; pem: string };
    public_der_pkcs1: string;
    fingerprint: string;
    encrypt: { data: string; oaep_seed: string; ciphertext: string }[];
    signatures: { data: string; oaep_seed?: string; signature: string }[];
    bad_signature: { signature: string; result: string };
  }[];
}>('crypto');

const of = (seed: string): Random => ({ bytes: () => hex(seed) });

// spec: mixminion-packet 1.5
test('padding from a given seed, and back', () => {
  expect(Buffer.from(OAEP_LABEL).toString()).toBe(vectors.oaep_parameter_utf8);
  for (const { data, keylen, padded, param, seed } of vectors.oaep) {
    expect(oaepPad(hex(data), keylen, of(seed), hex(param)).toString('hex')).toBe(padded);
    expect(oaepUnpad(hex(padded), hex(param)).toString('hex')).toBe(data);
  }
});

test.each(vectors.oaep_bad)('damaged padding: $name', ({ padded, param, result }) => {
  expect(result).toBe('CryptoError');
  const label = param === undefined ? OAEP_LABEL : hex(param);
  expect(() => oaepUnpad(hex(padded), label)).toThrow(CryptoError);
});

// spec: mixminion-packet 1.5, 1.6
test.each(vectors.rsa)('a key of $bits bits: forms, encryption, signatures', (vector) => {
  const key = RsaPrivateKey.fromPem(vector.private_pem);
  expect(key.publicKey.bits).toBe(vector.bits);
  expect(key.publicKey.exponent).toBe(65537n);
  expect(key.publicKey.toDer().toString('hex')).toBe(vector.public_der_pkcs1);
  expect(key.publicKey.fingerprint).toBe(vector.fingerprint);
  expect(key.toDer().toString('hex')).toBe(vector.private_der_pkcs1);
  expect(RsaPrivateKey.fromPem(key.toPem()).toDer()).toEqual(key.toDer());
  expect(RsaPrivateKey.fromDer(hex(vector.private_der_pkcs1)).publicKey.fingerprint).toBe(vector.fingerprint);
  const { pem, password } = vector.private_pem_encrypted;
  expect(RsaPrivateKey.fromPem(pem, password).publicKey.fingerprint).toBe(vector.fingerprint);
  expect(() => RsaPrivateKey.fromPem(pem, 'wrong')).toThrow(CryptoError);
  expect(() => RsaPrivateKey.fromPem(pem)).toThrow(CryptoError);

  const shared = RsaPublicKey.fromDer(hex(vector.public_der_pkcs1));
  for (const { data, oaep_seed: seed, ciphertext } of vector.encrypt) {
    expect(shared.encrypt(hex(data), of(seed)).toString('hex')).toBe(ciphertext);
    expect(key.decrypt(hex(ciphertext)).toString('hex')).toBe(data);
  }
  for (const { data, oaep_seed: seed, signature } of vector.signatures) {
    expect(shared.recover(hex(signature)).toString('hex')).toBe(data);
    expect(shared.verify(hex(signature), hex(data))).toBe(true);
    expect(shared.verify(hex(signature), Buffer.alloc(20))).toBe(false);
    if (seed !== undefined) expect(key.sign(hex(data), of(seed)).toString('hex')).toBe(signature);
  }
  expect(vector.bad_signature.result).toBe('CryptoError');
  expect(() => shared.recover(hex(vector.bad_signature.signature))).toThrow(CryptoError);
});

test('what does not fit or is no RSA key is refused', () => {
  const [first] = vectors.rsa;
  if (!first) throw new Error('the vectors lack a key');
  const der = hex(first.public_der_pkcs1);
  const key = RsaPublicKey.fromDer(der);
  expect(key.encrypt(Buffer.alloc(key.capacity), systemRandom)).toHaveLength(key.size);
  expect(() => key.encrypt(Buffer.alloc(key.capacity + 1), systemRandom)).toThrow(CryptoError);
  expect(() => RsaPublicKey.fromDer(Buffer.concat([der, Buffer.alloc(1)]))).toThrow(CryptoError);
  expect(() => RsaPublicKey.fromDer(der.subarray(1))).toThrow(CryptoError);
  const { publicKey } = generateKeyPairSync('ed25519');
  expect(() => RsaPublicKey.fromKeyObject(publicKey)).toThrow(CryptoError);
});

test('a fresh key works at once', async () => {
  const key = await RsaPrivateKey.generate(1024);
  expect(key.publicKey.bits).toBe(1024);
  const text = Buffer.from('to be read by one');
  expect(key.decrypt(key.publicKey.encrypt(text, systemRandom))).toEqual(text);
  expect(RsaPrivateKey.fromKeyObject(key.keyObject).publicKey.digest).toEqual(key.publicKey.digest);
  // Others may use the key object in their own way, as for the signature of a certificate.
  expect(verify('sha1', text, createPublicKey(key.keyObject), sign('sha1', text, key.keyObject))).toBe(true);
});
