// The first ChaCha20-Poly1305, with a nonce of 8 octets and nothing padded: neither OpenSSL nor the binding has it whole, so it is put
// together here from libsodium's ChaCha20 and Poly1305.   spec: cmtp 3

import sodium from 'sodium-native';
import { equalBytes } from '../../base/bytes.ts';

const BLOCK = 64;
const MAC_KEY_LENGTH = 32;
export const TAG_LENGTH = 16;

/** Ciphertext, then the tag. `key` has 32 octets, `nonce` 8; no associated data. */
export function encrypt(plaintext: Buffer, nonce: Buffer, key: Buffer): Buffer {
  const { macKey, text } = stream(plaintext, nonce, key);
  return Buffer.concat([text, tagOf(text, macKey)]);
}

/** The plaintext; undefined when the tag is not right. */
export function decrypt(sealed: Buffer, nonce: Buffer, key: Buffer): Buffer | undefined {
  if (sealed.length < TAG_LENGTH) return undefined;
  const ciphertext = sealed.subarray(0, -TAG_LENGTH);
  const { macKey, text } = stream(ciphertext, nonce, key);
  return equalBytes(tagOf(ciphertext, macKey), sealed.subarray(-TAG_LENGTH)) ? text : undefined;
}

/** The first block of the key stream is the key of the tag; the text begins at the second. */
function stream(text: Buffer, nonce: Buffer, key: Buffer): { macKey: Buffer; text: Buffer } {
  const octets = Buffer.concat([Buffer.alloc(BLOCK), text]);
  sodium.crypto_stream_chacha20_xor(octets, octets, nonce, key);
  return { macKey: octets.subarray(0, MAC_KEY_LENGTH), text: octets.subarray(BLOCK) };
}

function tagOf(ciphertext: Buffer, macKey: Buffer): Buffer {
  const lengths = Buffer.alloc(16); // of the associated data, which is none, and of the ciphertext
  lengths.writeBigUInt64LE(BigInt(ciphertext.length), 8);
  const tag = Buffer.alloc(TAG_LENGTH);
  const authenticated = [lengths.subarray(0, 8), ciphertext, lengths.subarray(8)];
  sodium.crypto_onetimeauth(tag, Buffer.concat(authenticated), macKey);
  return tag;
}
