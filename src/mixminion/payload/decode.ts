// What a payload is, for the person it was sent to: the tag and the keys at hand tell.   spec: mixminion-e2e 5.4

import type { RsaPrivateKey } from '../../crypto/rsa.ts';
import { PAYLOAD_LENGTH, TAG_LENGTH } from '../packet/layout.ts';
import { openForward } from './encrypted-forward.ts';
import { PayloadError } from './errors.ts';
import { type Payload, recognizePayload } from './payload.ts';
import { openReply } from './reply.ts';

/** A secret from which reply blocks are made, 20 octets. */
export interface ReplySecret {
  readonly secret: Uint8Array;
}

export type Decoded<Secret extends ReplySecret> =
  | { readonly how: 'plaintext'; readonly payload: Payload }
  | { readonly how: 'reply'; readonly payload: Payload; readonly key: Secret }
  | { readonly how: 'encrypted-forward'; readonly payload: Payload; readonly key: RsaPrivateKey };

/**
 * Tries plaintext, then every reply secret, then every recipient key; undefined when nothing fits. `tag` is the
 * decoding handle of 20 octets, if one came along. Throws PayloadError when something fits and is damaged or malformed
 * inside.   spec: mixminion-e2e 5.4
 */
export function decodePayload<Secret extends ReplySecret>(
  payload: Buffer,
  tag: Buffer | undefined,
  secrets: readonly Secret[],
  keys: readonly RsaPrivateKey[] = [],
): Decoded<Secret> | undefined {
  const plain = recognizePayload(payload);
  if (plain !== undefined) return { how: 'plaintext', payload: plain };
  if (tag === undefined || payload.length !== PAYLOAD_LENGTH) return undefined;
  if (tag.length !== TAG_LENGTH) throw new PayloadError('tag', `a decoding handle has ${TAG_LENGTH} octets`);
  for (const key of secrets) {
    const reply = openReply(payload, tag, key.secret);
    if (reply !== undefined) return { how: 'reply', payload: reply, key };
  }
  for (const key of keys) {
    const opened = openForward({ tag, payload }, key);
    if (opened === undefined) continue;
    const found = recognizePayload(opened);
    if (found === undefined)
      throw new PayloadError('payload-digest', 'the message was sealed for this key and then damaged');
    return { how: 'encrypted-forward', payload: found, key };
  }
  return undefined;
}
