// The xzibit: a user's key pair under his passphrase, 156 octets that anybody may ask the server for.   spec: cmtp 3, 9 D6, D22

import { createDecipheriv, scrypt } from 'node:crypto';
import { promisify } from 'node:util';
import { asBuffer, equalBytes } from '../../base/bytes.ts';
import type { Random } from '../../base/random.ts';
import { decrypt, encrypt, TAG_LENGTH } from './chacha20-poly1305.ts';
import { SealError } from './errors.ts';
import { type KeyPair, keyPairOf, PUBLIC_KEY_LENGTH, SECRET_KEY_LENGTH } from './keys.ts';

const VERSION = 1;
const SALT_LENGTH = 32;
const HEAD_LENGTH = 4 + SALT_LENGTH + 8;
const SEALED_LENGTH = PUBLIC_KEY_LENGTH + SECRET_KEY_LENGTH + TAG_LENGTH;
export const XZIBIT_LENGTH = HEAD_LENGTH + SEALED_LENGTH;

const KEY_LENGTH = 32;
const NONCE_LENGTH = 8;
/** The limits are not in the xzibit: version 1 means these.   spec: cmtp 9 D22 */
const SCRYPT = { N: 16384, r: 8, p: 1 } as const;
/** Of a passphrase, in octets. */
const MAX_PASSPHRASE = 1024;

const scryptOffThread = promisify<string, Buffer, number, typeof SCRYPT, Buffer>(scrypt);

/** Seals a pair under a passphrase: 156 octets, other ones each time. Takes some 50 ms of another thread. */
export async function sealXzibit(pair: KeyPair, passphrase: string, random: Random): Promise<Buffer> {
  const salt = random.bytes(SALT_LENGTH);
  const head = Buffer.alloc(HEAD_LENGTH);
  head.writeUInt32BE(VERSION);
  salt.copy(head, 4);
  head.writeBigUInt64BE(BigInt(SEALED_LENGTH), 4 + SALT_LENGTH);
  const plaintext = Buffer.concat([pair.publicKey, pair.secretKey]);
  const sealed = encrypt(plaintext, salt.subarray(0, NONCE_LENGTH), await derive(passphrase, salt));
  plaintext.fill(0);
  return Buffer.concat([head, sealed]);
}

/** The pair in an xzibit. Throws SealError `malformed` or `wrong-passphrase`. */
export async function openXzibit(xzibit: Uint8Array, passphrase: string): Promise<KeyPair> {
  if (!isXzibit(xzibit)) throw new SealError('malformed', 'this is not an xzibit of version 1');
  const octets = asBuffer(xzibit);
  const salt = octets.subarray(4, 4 + SALT_LENGTH);
  const sealed = octets.subarray(HEAD_LENGTH);
  const key = await derive(passphrase, salt);
  const plaintext = decrypt(sealed, salt.subarray(0, NONCE_LENGTH), key) ?? decryptOld(sealed, salt, key);
  if (plaintext === undefined) {
    throw new SealError('wrong-passphrase', 'the passphrase does not open the key', { remedy: 'type it again' });
  }
  const pair = keyPairOf(plaintext.subarray(PUBLIC_KEY_LENGTH));
  if (!equalBytes(pair.publicKey, plaintext.subarray(0, PUBLIC_KEY_LENGTH))) {
    throw new SealError('malformed', 'the keys in this xzibit do not belong together');
  }
  return pair;
}

/** Whether the octets have the shape of an xzibit; the passphrase alone tells more. */
export function isXzibit(octets: Uint8Array): boolean {
  if (octets.byteLength !== XZIBIT_LENGTH) return false;
  const head = asBuffer(octets);
  return head.readUInt32BE() === VERSION && head.readBigUInt64BE(4 + SALT_LENGTH) === BigInt(SEALED_LENGTH);
}

/** As the reference server wrote it from May to December 2016, under the same version number. Never written.   spec: cmtp 3, 9 D6 */
function decryptOld(sealed: Buffer, salt: Buffer, key: Buffer): Buffer | undefined {
  const cipher = createDecipheriv('aes-256-gcm', key, salt.subarray(0, 12), { authTagLength: TAG_LENGTH });
  cipher.setAuthTag(sealed.subarray(-TAG_LENGTH));
  try {
    return Buffer.concat([cipher.update(sealed.subarray(0, -TAG_LENGTH)), cipher.final()]);
  } catch {
    return undefined;
  }
}

/** UTF-8, without a NUL or a line's end. */
async function derive(passphrase: string, salt: Buffer): Promise<Buffer> {
  if (Buffer.byteLength(passphrase) > MAX_PASSPHRASE) {
    throw new SealError('wrong-passphrase', `a passphrase has at most ${MAX_PASSPHRASE} octets`);
  }
  return scryptOffThread(passphrase, salt, KEY_LENGTH, SCRYPT);
}
