// Reading a reply. The mixes on its way "decrypted" it with secrets that the owner of the reply block can make again
// from the tag and a secret of theirs; so nothing about a reply block needs to be kept.   spec: mixminion-e2e 5.4

import { LIONESS_ROOM, lionessEncryptAt, lionessKeys } from '../../crypto/lioness.ts';
import { Mode, PAYLOAD_LENGTH, SECRET_LENGTH } from '../packet/layout.ts';
import { isReplyTag, replySecrets } from '../packet/surb.ts';
import { type Payload, recognizePayload } from './payload.ts';

/** The hops of the longest leg, and the key shared with the sender. */
const MAX_SECRETS = 17;

/**
 * The payload of a reply (28672 octets) to a block made with `secret` (20 octets), undefined when it is none. Throws
 * PayloadError when it is one and malformed inside.
 */
export function openReply(payload: Uint8Array, tag: Uint8Array, secret: Uint8Array): Payload | undefined {
  if (payload.length !== PAYLOAD_LENGTH || !isReplyTag(tag, secret)) return undefined;
  const secrets = replySecrets(tag, secret);
  const work = Buffer.concat([payload], PAYLOAD_LENGTH + LIONESS_ROOM);
  for (let tried = 0; tried < MAX_SECRETS; tried += 1) {
    lionessEncryptAt(lionessKeys(secrets.bytes(SECRET_LENGTH), Mode.payload), work, 0, PAYLOAD_LENGTH);
    const found = recognizePayload(work.subarray(0, PAYLOAD_LENGTH));
    if (found !== undefined) return found;
  }
  return undefined;
}
