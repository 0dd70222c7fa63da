// A mailbox's key pair: made so that it tells nothing, kept as OpenPGP octets, opened to sign and to decrypt.

import type { PrivateKey } from 'openpgp';
import { asBuffer } from '../../base/bytes.ts';
import { startOfDay } from '../../base/time.ts';
import { openPgp } from '../openpgp/library.ts';
import { ClientError } from './errors.ts';

/** Octets of a secret key file. */
const MAX_SECRET_KEY = 64 * 1024;

export interface KeyPair {
  /** The fingerprint, upper-case hex digits: the mailbox's name. */
  readonly mailbox: string;
  /** Binary transferable public key. */
  readonly publicKey: Buffer;
  /** Binary transferable secret key, sealed when a passphrase was given. */
  readonly secretKey: Buffer;
}

/** An open secret key. */
export interface OwnKey {
  readonly mailbox: string;
  readonly publicKey: Buffer;
  readonly key: PrivateKey;
}

/**
 * A new Ed25519/Cv25519 pair of version 4. All such pairs look alike: the user id is `smallmail`, and the time of making
 * (`now`, milliseconds since 1970) is rounded down to the day.   spec: smallmail 2.3
 */
export async function makeKeyPair(now: number, passphrase?: string): Promise<KeyPair> {
  const { library, config } = await openPgp();
  const { privateKey, publicKey } = await library.generateKey({
    type: 'ecc',
    curve: 'ed25519Legacy', // the form of Ed25519 that GnuPG 2.2 knows
    userIDs: [{ name: 'smallmail' }],
    date: new Date(startOfDay(now)),
    format: 'object',
    config,
    ...(passphrase === undefined ? {} : { passphrase }),
  });
  return {
    mailbox: publicKey.getFingerprint().toUpperCase(),
    publicKey: asBuffer(publicKey.write()),
    secretKey: asBuffer(privateKey.write()),
  };
}

/**
 * Opens a binary or armoured secret key, one of ours or of another OpenPGP program.
 * Throws ClientError `key`, or `locked` when the passphrase is missing or wrong.
 */
export async function openKeyPair(secretKey: Uint8Array, passphrase?: string): Promise<OwnKey> {
  const key = await readSecretKey(secretKey);
  return {
    mailbox: key.getFingerprint().toUpperCase(),
    publicKey: asBuffer(key.toPublic().write()),
    key: key.isDecrypted() ? key : await unlock(key, passphrase),
  };
}

/** The public half of a secret key, which needs no passphrase. Throws ClientError `key`. */
export async function publicHalf(secretKey: Uint8Array): Promise<Buffer> {
  return asBuffer((await readSecretKey(secretKey)).toPublic().write());
}

/** True when the key cannot be opened without a passphrase. Throws ClientError `key`. */
export async function isSealed(secretKey: Uint8Array): Promise<boolean> {
  return !(await readSecretKey(secretKey)).isDecrypted();
}

async function readSecretKey(octets: Uint8Array): Promise<PrivateKey> {
  if (octets.length > MAX_SECRET_KEY) throw new ClientError('key', 'the secret key is too long');
  const { library } = await openPgp();
  try {
    return isArmoured(octets)
      ? await library.readPrivateKey({ armoredKey: asBuffer(octets).toString('latin1') })
      : await library.readPrivateKey({ binaryKey: new Uint8Array(octets) });
  } catch (cause) {
    throw new ClientError('key', 'this is not an OpenPGP secret key', { cause });
  }
}

async function unlock(privateKey: PrivateKey, passphrase: string | undefined): Promise<PrivateKey> {
  if (passphrase === undefined) {
    throw new ClientError('locked', "the mailbox's key is sealed with a passphrase", {
      remedy: 'run this in a terminal, or set POSTERN_PASSPHRASE',
    });
  }
  const { library } = await openPgp();
  try {
    return await library.decryptKey({ privateKey, passphrase });
  } catch (cause) {
    throw new ClientError('locked', 'the passphrase is not the right one', { cause });
  }
}

/** True for text in armour, as people paste it into letters. */
export function isArmoured(octets: Uint8Array): boolean {
  return asBuffer(octets).subarray(0, 64).toString('latin1').trimStart().startsWith('-----BEGIN');
}
