// Sealed boxes: what anybody can write and only the holder of a key can read. The writer stays unknown, and nothing is proved of
// him.   spec: cmtp 3

import sodium from 'sodium-native';
import { asBuffer } from '../../base/bytes.ts';
import type { Random } from '../../base/random.ts';
import { SealError } from './errors.ts';
import { boxKeyOf, type KeyPair, PUBLIC_KEY_LENGTH } from './keys.ts';

const NONCE_LENGTH = 24;
const TAG_LENGTH = 16;
/** How much longer a box is than what is in it: a key made for it alone, and a tag. */
export const SEAL_OVERHEAD = PUBLIC_KEY_LENGTH + TAG_LENGTH;

/** `plaintext` for the holder of the Ed25519 key `to`, 48 octets longer. Throws SealError `bad-key`. */
export function seal(plaintext: Uint8Array, to: Uint8Array, random: Random): Buffer {
  const recipient = boxKeyOf(to);
  const secret = random.bytes(PUBLIC_KEY_LENGTH);
  const box = Buffer.alloc(plaintext.byteLength + SEAL_OVERHEAD);
  const ephemeral = box.subarray(0, PUBLIC_KEY_LENGTH);
  sodium.crypto_scalarmult_base(ephemeral, secret);
  const nonce = nonceOf(ephemeral, recipient);
  sodium.crypto_box_easy(box.subarray(PUBLIC_KEY_LENGTH), asBuffer(plaintext), nonce, recipient, secret);
  sodium.sodium_memzero(secret);
  return box;
}

/** What is in the box. Throws SealError `not-opened`. */
export function open(box: Uint8Array, { publicKey, secretKey }: KeyPair): Buffer {
  if (box.byteLength < SEAL_OVERHEAD) throw new SealError('not-opened', 'this is too short to be a sealed box');
  const secret = Buffer.alloc(PUBLIC_KEY_LENGTH);
  sodium.crypto_sign_ed25519_sk_to_curve25519(secret, secretKey);
  const plaintext = Buffer.alloc(box.byteLength - SEAL_OVERHEAD);
  const opened = sodium.crypto_box_seal_open(plaintext, asBuffer(box), boxKeyOf(publicKey), secret);
  sodium.sodium_memzero(secret);
  if (!opened) throw new SealError('not-opened', 'this is not sealed to this key, or was changed on the way');
  return plaintext;
}

function nonceOf(ephemeral: Buffer, recipient: Buffer): Buffer {
  const nonce = Buffer.alloc(NONCE_LENGTH);
  sodium.crypto_generichash(nonce, Buffer.concat([ephemeral, recipient]));
  return nonce;
}
