// What a node does with the octets of one packet: opens its layer, and looks whether there is something to deliver. Pure;
// every failure has its label.

import { CryptoError } from '../../../crypto/errors.ts';
import type { RsaPrivateKey } from '../../../crypto/rsa.ts';
import { ContentError, ParseError } from '../../packet/errors.ts';
import { TAG_LENGTH } from '../../packet/layout.ts';
import { hasTag, RoutingType, splitExitInfo } from '../../packet/routing.ts';
import { type Delivered, unwrap } from '../../packet/unwrap.ts';
import { classifyPayload } from '../../payload/delivery.ts';
import type { Opened, Unopened } from './unwrapper.ts';

/** Opens `packet` with the first of `keys` that fits, the newest first. */
export function openPacket(packet: Uint8Array, keys: readonly RsaPrivateKey[]): Opened | Unopened {
  for (const key of keys) {
    const opened = openWith(packet, key);
    if (opened !== undefined) return opened;
  }
  return { result: 'failed', reason: 'undecryptable' };
}

/** Undefined when the key does not fit. */
function openWith(packet: Uint8Array, key: RsaPrivateKey): Opened | Unopened | undefined {
  const keyId = key.publicKey.digest;
  try {
    const opened = { ...unwrap(packet, [key]), keyId };
    const reason = opened.result === 'deliver' ? undeliverable(opened) : undefined;
    return reason === undefined ? opened : { result: 'failed', reason, replayHash: opened.replayHash, keyId };
  } catch (error) {
    if (error instanceof CryptoError && error.code === 'undecryptable') return undefined;
    if (!(error instanceof ParseError || error instanceof ContentError || error instanceof CryptoError)) throw error;
    const replayHash = error instanceof CryptoError ? undefined : error.replayHash;
    return { result: 'failed', reason: error.code, ...(replayHash && { replayHash, keyId }) };
  }
}

/** Why nobody could deliver this; undefined when somebody might. It never enters the pool then.   spec: mixminion-server 1 */
function undeliverable({ routingType, routingInfo, payload }: Delivered): string | undefined {
  if (routingType === RoutingType.PING) return undefined;
  if (hasTag(routingType) && splitExitInfo({ routingType, routingInfo }).tag.length < TAG_LENGTH) return 'no-tag';
  const delivery = classifyPayload(payload);
  return delivery.kind === 'malformed' ? 'malformed' : undefined;
}
