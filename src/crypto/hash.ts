// Digests of octets, in one call each.

import { createHash, hash } from 'node:crypto';

// Below this it is cheaper to copy the parts together for a one-shot call than to make a hash object.
const SMALL = 2048;

/** SHA-1 of the parts one after another: 20 octets.   spec: mixminion-packet 1.1 */
export function sha1(...parts: Uint8Array[]): Buffer {
  return digest('sha1', parts);
}

/** SHA-256 of the parts one after another: 32 octets. */
export function sha256(...parts: Uint8Array[]): Buffer {
  return digest('sha256', parts);
}

/** SHA-1 of `octets` as a text of one octet a character: the cheapest form that Node has, for the inner loops. */
export function sha1Text(octets: Uint8Array): string {
  return hash('sha1', octets, 'binary');
}

function digest(algorithm: string, parts: readonly Uint8Array[]): Buffer {
  const [only] = parts;
  if (only !== undefined && parts.length === 1) return oneShot(algorithm, only);
  if (parts.reduce((sum, part) => sum + part.byteLength, 0) < SMALL) return oneShot(algorithm, Buffer.concat(parts));
  const whole = createHash(algorithm);
  for (const part of parts) whole.update(part);
  return whole.digest();
}

// Node hands a digest over faster as a text of one octet a character than as a buffer of its own.
function oneShot(algorithm: string, octets: Uint8Array): Buffer {
  return Buffer.from(hash(algorithm, octets, 'binary'), 'latin1');
}
