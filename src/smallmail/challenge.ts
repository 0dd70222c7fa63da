// The challenge that our server gives: bound to its TLS key, to a time, and used once.   spec: smallmail 2.6

import { toHex } from '../base/bytes.ts';
import type { Random } from '../base/random.ts';
import { SECOND } from '../base/time.ts';

export const CHALLENGE_PREFIX = 'SM1.';
/** The largest response, in octets. */
export const RESPONSE_LIMIT = 8192;

/** 112 characters: prefix, the server's key hash, Unix seconds, 32 random hex digits. */
export function makeChallenge(serverKey: Uint8Array | undefined, now: number, random: Random): string {
  const key = toHex(serverKey ?? Buffer.alloc(32)); // no TLS below: a test in memory
  return `${CHALLENGE_PREFIX}${key}.${Math.floor(now / SECOND)}.${toHex(random.bytes(16))}`;
}
