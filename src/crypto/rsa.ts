// RSA as Type III uses it: OAEP under one fixed label for encryption, and "OAEP, then the raw private operation" for
// signatures. A key is parsed once and kept.

import {
  constants,
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  type KeyObject,
  privateDecrypt,
  privateEncrypt,
  publicDecrypt,
  publicEncrypt,
} from 'node:crypto';
import { promisify } from 'node:util';
import { equalBytes, toHex } from '../base/bytes.ts';
import { messageOf } from '../base/errors.ts';
import type { Random } from '../base/random.ts';
import { CryptoError } from './errors.ts';
import { sha1 } from './hash.ts';
import { OAEP_OVERHEAD, oaepPad, oaepUnpad } from './oaep.ts';

const MAX_BITS = 8192; // larger moduli only cost time
const MAX_DER = 4096; // octets; an 8192-bit public key has 1039
const EXPONENT = 65537;

/**
 * A key that says itself which padding it is used with. Node's RSA calls read their options from the object that they
 * are given; of anything but a key object they find out by two thrown and caught errors, a twentieth of a hop.
 */
type RawKey = KeyObject & { readonly padding: number };

/** A copy for our own calls: signing with Node or TLS would take the padding from the caller's object too. */
function rawKey(key: KeyObject): RawKey {
  return Object.assign(structuredClone(key), { padding: constants.RSA_NO_PADDING });
}

export class RsaPublicKey {
  readonly #key: RawKey;
  readonly #der: Buffer;
  readonly #digest: Buffer;
  /** Bits of the modulus. */
  readonly bits: number;
  /** Octets of the modulus, and of every ciphertext and signature. */
  readonly size: number;
  /** 65537 in every key that a server may publish. */
  readonly exponent: bigint;

  private constructor(key: KeyObject) {
    const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {};
    if (modulusLength > MAX_BITS) throw new CryptoError('key-too-large', `a key of ${modulusLength} bits is too large`);
    this.#key = rawKey(key);
    // Node 24 does not export as PKCS#1 what it read as PKCS#1; by way of the JWK form it does.
    this.#der = createPublicKey({ key: key.export({ format: 'jwk' }), format: 'jwk' }).export({
      type: 'pkcs1',
      format: 'der',
    });
    this.#digest = sha1(this.#der);
    this.bits = modulusLength;
    this.size = Math.ceil(modulusLength / 8);
    this.exponent = publicExponent;
  }

  /** From a bare PKCS#1 `RSAPublicKey` in DER. Anything else, octets behind it too, is a CryptoError.   spec: mixminion-packet 1.6 */
  static fromDer(der: Uint8Array): RsaPublicKey {
    if (der.byteLength > MAX_DER) throw new CryptoError('bad-key', 'no public key is that long');
    const octets = Buffer.from(der);
    const key = new RsaPublicKey(parsed(() => createPublicKey({ key: octets, format: 'der', type: 'pkcs1' })));
    if (!key.#der.equals(octets))
      throw new CryptoError('bad-key', 'the public key is not written in the one way that DER allows');
    return key;
  }

  /** The public part of a Node key object, e.g. of a certificate. */
  static fromKeyObject(key: KeyObject): RsaPublicKey {
    return new RsaPublicKey(rsaOnly(key.type === 'public' ? key : createPublicKey(key)));
  }

  /** PKCS#1 `RSAPublicKey` DER. */
  toDer(): Buffer {
    return Buffer.from(this.#der);
  }

  /** SHA-1 of the DER form, 20 octets. Of an identity key it is the KEYID.   spec: mixminion-packet 1.6 */
  get digest(): Buffer {
    return Buffer.from(this.#digest);
  }

  /** The digest as 40 upper-case hex digits, as people compare it. */
  get fingerprint(): string {
    return toHex(this.#digest).toUpperCase();
  }

  /** Octets that `encrypt` can carry. */
  get capacity(): number {
    return this.size - OAEP_OVERHEAD;
  }

  /** `size` octets that only the private key opens. `random` gives the 20-octet seed. CryptoError when `data` is too long. */
  encrypt(data: Uint8Array, random: Random): Buffer {
    return publicEncrypt(this.#key, oaepPad(data, this.size, random));
  }

  /** The data that were signed. CryptoError when the signature is not one of this key.   spec: mixminion-packet 1.5 */
  recover(signature: Uint8Array): Buffer {
    if (signature.byteLength !== this.size) throw badSignature();
    try {
      return oaepUnpad(publicDecrypt(this.#key, signature));
    } catch {
      throw badSignature();
    }
  }

  /** Whether `signature` is one of this key over `digest`, the bare 20 octets.   spec: mixminion-packet 1.5 */
  verify(signature: Uint8Array, digest: Uint8Array): boolean {
    try {
      return equalBytes(this.recover(signature), digest);
    } catch {
      return false;
    }
  }
}

export class RsaPrivateKey {
  readonly #key: RawKey;
  /** For TLS and for worker threads, which take Node's own form. */
  readonly keyObject: KeyObject;
  readonly publicKey: RsaPublicKey;

  private constructor(key: KeyObject) {
    this.#key = rawKey(key);
    this.keyObject = key;
    this.publicKey = RsaPublicKey.fromKeyObject(key);
  }

  /** From any PEM form that OpenSSL reads; `passphrase` when it is encrypted. CryptoError otherwise. */
  static fromPem(pem: string, passphrase?: string): RsaPrivateKey {
    return new RsaPrivateKey(
      rsaOnly(parsed(() => createPrivateKey(passphrase === undefined ? pem : { key: pem, format: 'pem', passphrase }))),
    );
  }

  /** From PKCS#1 `RSAPrivateKey` DER. CryptoError otherwise. */
  static fromDer(der: Uint8Array): RsaPrivateKey {
    return new RsaPrivateKey(parsed(() => createPrivateKey({ key: Buffer.from(der), format: 'der', type: 'pkcs1' })));
  }

  /** Wraps a Node key object, e.g. one handed over by another thread. */
  static fromKeyObject(key: KeyObject): RsaPrivateKey {
    return new RsaPrivateKey(rsaOnly(key));
  }

  /** A fresh key with the exponent 65537. Takes about 0.1 s for 2048 bits, off the main thread. */
  static async generate(bits: number): Promise<RsaPrivateKey> {
    const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: bits, publicExponent: EXPONENT });
    return new RsaPrivateKey(privateKey);
  }

  /** PKCS#8 in PEM, not encrypted: keep it in a file that only its owner reads.   spec: mixminion-packet 1.6 */
  toPem(): string {
    return this.keyObject.export({ type: 'pkcs8', format: 'pem' }).toString();
  }

  /** PKCS#1 `RSAPrivateKey` DER. */
  toDer(): Buffer {
    return this.keyObject.export({ type: 'pkcs1', format: 'der' });
  }

  /** What `encrypt` sealed. CryptoError for anything else.   spec: mixminion-packet 1.5 */
  decrypt(data: Uint8Array): Buffer {
    return oaepUnpad(this.#raw(data));
  }

  #raw(data: Uint8Array): Buffer {
    if (data.byteLength !== this.publicKey.size)
      throw new CryptoError('bad-padding', 'a ciphertext is as long as the modulus');
    try {
      return privateDecrypt(this.#key, data);
    } catch (cause) {
      throw new CryptoError('bad-padding', 'the ciphertext is no number below the modulus', { cause });
    }
  }

  /** A signature over `digest` (20 octets, or any up to `capacity`), as long as the modulus.   spec: mixminion-packet 1.5 */
  sign(digest: Uint8Array, random: Random): Buffer {
    return privateEncrypt(this.#key, oaepPad(digest, this.publicKey.size, random));
  }
}

function parsed(parse: () => KeyObject): KeyObject {
  try {
    return parse();
  } catch (error) {
    throw new CryptoError('bad-key', `not an RSA key: ${messageOf(error)}`);
  }
}

function rsaOnly(key: KeyObject): KeyObject {
  if (key.asymmetricKeyType !== 'rsa') throw new CryptoError('bad-key', 'not an RSA key');
  return key;
}

function badSignature(): CryptoError {
  return new CryptoError('bad-signature', 'the signature is not one of this key');
}
