// A forward payload sealed for its recipient, so that the exit server cannot read it. It begins with an RSA block; the
// first 20 octets of that travel as the tag.   spec: mixminion-e2e 5.2

import type { Random } from '../../base/random.ts';
import { CryptoError } from '../../crypto/errors.ts';
import { lionessDecrypt, lionessEncrypt, lionessKeys } from '../../crypto/lioness.ts';
import type { RsaPrivateKey, RsaPublicKey } from '../../crypto/rsa.ts';
import { PAYLOAD_LENGTH, SECRET_LENGTH, TAG_LENGTH } from '../packet/layout.ts';
import { PayloadError } from './errors.ts';
import { ENCRYPTED_OVERHEAD } from './sizes.ts';

const MODE = 'END-TO-END ENCRYPT';

export interface SealedPayload {
  /** 20 octets, top bit 0. */
  readonly tag: Buffer;
  /** 28672 octets. */
  readonly payload: Buffer;
}

/**
 * Seals a plaintext payload of 28634 octets. `sessionRandom` gives the session key (16 octets); `oaepRandom` the seed
 * of each attempt at the RSA block, whose top bit must come out 0. Throws PayloadError when the payload or the modulus
 * has another size than this format takes.   spec: mixminion-e2e 5.2
 */
export function sealForward(
  payload: Uint8Array,
  recipient: RsaPublicKey,
  sessionRandom: Random,
  oaepRandom: Random,
): SealedPayload {
  if (payload.length !== PAYLOAD_LENGTH - ENCRYPTED_OVERHEAD)
    throw new PayloadError(
      'payload-length',
      `an encrypted payload carries ${PAYLOAD_LENGTH - ENCRYPTED_OVERHEAD} octets`,
    );
  if (recipient.capacity <= SECRET_LENGTH) throw new PayloadError('key-size', 'the recipient key is too short');
  const sessionKey = sessionRandom.bytes(SECRET_LENGTH);
  const opened = Buffer.concat([sessionKey, payload]);
  const head = opened.subarray(0, recipient.capacity);
  let block = recipient.encrypt(head, oaepRandom);
  while (((block[0] ?? 0) & 0x80) !== 0) block = recipient.encrypt(head, oaepRandom); // must look like any tag
  const rest = lionessEncrypt(lionessKeys(sessionKey, MODE), opened.subarray(recipient.capacity));
  const sealed = Buffer.concat([block, rest]);
  return { tag: sealed.subarray(0, TAG_LENGTH), payload: sealed.subarray(TAG_LENGTH) };
}

/** The plaintext payload, 28634 octets, or undefined when it was not sealed for this key. Its digest is not looked at. */
export function openForward({ tag, payload }: SealedPayload, key: RsaPrivateKey): Buffer | undefined {
  const sealed = Buffer.concat([tag, payload]);
  const { size } = key.publicKey;
  const head = decrypted(key, sealed.subarray(0, size));
  if (head === undefined || head.length !== key.publicKey.capacity) return undefined;
  const rest = lionessDecrypt(lionessKeys(head.subarray(0, SECRET_LENGTH), MODE), sealed.subarray(size));
  return Buffer.concat([head.subarray(SECRET_LENGTH), rest]);
}

function decrypted(key: RsaPrivateKey, block: Buffer): Buffer | undefined {
  try {
    return key.decrypt(block);
  } catch (error) {
    if (error instanceof CryptoError) return undefined;
    throw error;
  }
}
