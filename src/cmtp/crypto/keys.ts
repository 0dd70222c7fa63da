// Key pairs of servers and users, and their signatures: Ed25519 as libsodium writes it.   spec: cmtp 3

import sodium from 'sodium-native';
import { asBuffer, equalBytes } from '../../base/bytes.ts';
import type { Random } from '../../base/random.ts';
import { SealError } from './errors.ts';

export const PUBLIC_KEY_LENGTH = 32;
/** Seed, then public key. */
export const SECRET_KEY_LENGTH = 64;
export const SIGNATURE_LENGTH = 64;
const SEED_LENGTH = 32;

export interface KeyPair {
  /** 32 octets. */
  readonly publicKey: Buffer;
  /** 64 octets. */
  readonly secretKey: Buffer;
}

export function makeKeyPair(random: Random): KeyPair {
  return fromSeed(random.bytes(SEED_LENGTH));
}

/** The pair of a 64-octet secret key. Throws SealError `bad-key` when its halves do not belong together. */
export function keyPairOf(secretKey: Uint8Array): KeyPair {
  if (secretKey.byteLength !== SECRET_KEY_LENGTH) throw new SealError('bad-key', 'a secret key has 64 octets');
  const pair = fromSeed(asBuffer(secretKey).subarray(0, SEED_LENGTH));
  if (!equalBytes(pair.secretKey, secretKey)) throw new SealError('bad-key', 'the halves of a secret key disagree');
  return pair;
}

function fromSeed(seed: Buffer): KeyPair {
  const publicKey = Buffer.alloc(PUBLIC_KEY_LENGTH);
  const secretKey = Buffer.alloc(SECRET_KEY_LENGTH);
  sodium.crypto_sign_seed_keypair(publicKey, secretKey, seed);
  return { publicKey, secretKey };
}

/**
 * The X25519 key that sealed boxes for this Ed25519 key are made for, 32 octets. Throws SealError `bad-key` for what is no such key:
 * all zero, of small order, no point at all.   spec: cmtp 9 D10
 */
export function boxKeyOf(publicKey: Uint8Array): Buffer {
  const boxKey = Buffer.alloc(PUBLIC_KEY_LENGTH);
  try {
    sodium.crypto_sign_ed25519_pk_to_curve25519(boxKey, asBuffer(publicKey));
  } catch (cause) {
    throw new SealError('bad-key', 'this is no key that anything may be sealed to', { cause });
  }
  return boxKey;
}

/** Throws SealError `bad-key` for a key that nobody should use, whoever signed it.   spec: cmtp 9 D10 */
export function checkPublicKey(publicKey: Uint8Array): void {
  boxKeyOf(publicKey);
}

/** 64 octets, the same for the same message and key. */
export function sign(message: Uint8Array, { secretKey }: Pick<KeyPair, 'secretKey'>): Buffer {
  const signature = Buffer.alloc(SIGNATURE_LENGTH);
  sodium.crypto_sign_detached(signature, asBuffer(message), secretKey);
  return signature;
}

/** Never throws: what has the wrong length is no signature, and a bad key signed nothing. */
export function verify(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean {
  if (signature.byteLength !== SIGNATURE_LENGTH || publicKey.byteLength !== PUBLIC_KEY_LENGTH) return false;
  return sodium.crypto_sign_verify_detached(asBuffer(signature), asBuffer(message), asBuffer(publicKey));
}
