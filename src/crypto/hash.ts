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

function digest(algorithm: string, parts: readonly Uint8Array[]): Buffer {
  const [only] = parts;
  if (only !== undefined && parts.length === 1) return hash(algorithm, only, 'buffer');
  if (parts.reduce((sum, part) => sum + part.byteLength, 0) < SMALL)
    return hash(algorithm, Buffer.concat(parts), 'buffer');
  const whole = createHash(algorithm);
  for (const part of parts) whole.update(part);
  return whole.digest();
}
