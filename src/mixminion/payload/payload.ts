// A plaintext payload is a singleton or a fragment, told apart by its first bit. A digest that holds is what tells a
// plaintext payload from an encrypted one: there is no other mark.   spec: mixminion-e2e 4

import { PayloadError } from './errors.ts';
import { type Fragment, fragmentDigestHolds, parseFragment } from './fragment.ts';
import { parseSingleton, type Singleton, singletonDigestHolds } from './singleton.ts';
import { overheadOf } from './sizes.ts';

export type Payload = Singleton | Fragment;

/** The fields of a payload, its digest not looked at. Throws PayloadError for a wrong length or an impossible size. */
export function parsePayload(payload: Buffer): Payload {
  checkLength(payload);
  return isFragment(payload) ? parseFragment(payload) : parseSingleton(payload);
}

/**
 * The payload when its digest holds; undefined when it does not, so that it is encrypted or noise. Throws PayloadError
 * for a wrong length, or for an impossible size under a digest that holds.   spec: mixminion-e2e 4
 */
export function recognizePayload(payload: Buffer): Payload | undefined {
  checkLength(payload);
  const holds = isFragment(payload) ? fragmentDigestHolds(payload) : singletonDigestHolds(payload);
  return holds ? parsePayload(payload) : undefined;
}

function isFragment(payload: Buffer): boolean {
  return ((payload[0] ?? 0) & 0x80) !== 0;
}

function checkLength(payload: Buffer): void {
  if (overheadOf(payload.length) === undefined)
    throw new PayloadError('payload-length', `no payload has ${payload.length} octets`);
}
