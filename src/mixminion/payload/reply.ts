// Reading a reply. The mixes on the way "decrypted" it with secrets that the owner of the reply block can make again
// from the tag and a secret of theirs; so nothing about a reply block needs to be kept.   spec: mixminion-e2e 5.4

import { keystream } from '../../crypto/aes-ctr.ts';
import { sha1 } from '../../crypto/hash.ts';
import { LIONESS_ROOM, lionessEncryptAt, lionessKeys, subkey } from '../../crypto/lioness.ts';
import { type Payload, recognizePayload } from './payload.ts';
import { DIGEST_LENGTH, PAYLOAD_LENGTH } from './sizes.ts';

/** The hops of the longest leg, and the key shared with the sender. */
const MAX_SECRETS = 17;
const SECRET = 16;

/** Whether a reply block with this tag may have been made with this 20-octet secret; false means certainly not. */
export function mayBeOurs(tag: Uint8Array, secret: Uint8Array): boolean {
  return sha1(tag, secret, Buffer.from('Validate'))[DIGEST_LENGTH - 1] === 0;
}

/**
 * The payload of a reply (28672 octets) to a block made with `secret`, undefined when it is none. Throws PayloadError
 * when it is one and malformed inside.
 */
export function openReply(payload: Uint8Array, tag: Uint8Array, secret: Uint8Array): Payload | undefined {
  if (payload.length !== PAYLOAD_LENGTH || !mayBeOurs(tag, secret)) return undefined;
  const secrets = keystream(subkey(Buffer.concat([tag, secret]), 'Generate'), MAX_SECRETS * SECRET);
  const work = Buffer.concat([payload], PAYLOAD_LENGTH + LIONESS_ROOM);
  for (let hop = 0; hop < MAX_SECRETS; hop += 1) {
    const keys = lionessKeys(secrets.subarray(hop * SECRET, (hop + 1) * SECRET), 'PAYLOAD ENCRYPT');
    lionessEncryptAt(keys, work, 0, PAYLOAD_LENGTH);
    const found = recognizePayload(work.subarray(0, PAYLOAD_LENGTH));
    if (found !== undefined) return found;
  }
  return undefined;
}
