// Which public-key algorithms and sizes are good enough for a mailbox, and what each can do.   spec: smallmail 2.3

import type { KeyPacket } from './library.ts';

const MIN_RSA_BITS = 2048;
/** Larger moduli and exponents only cost the verifier time. */
const MAX_RSA_BITS = 8192;
const MAX_RSA_EXPONENT_OCTETS = 4;

const RSA = new Set([1, 2, 3]);
const ON_A_CURVE = new Set([18, 19, 22]);
const MODERN = new Set([25, 26, 27, 28]);
const SIGNS = new Set([1, 3, 19, 22, 27, 28]);
const ENCRYPTS = new Set([1, 2, 18, 25, 26]);
const CURVES = /^(ed25519|curve25519|nistP|brainpoolP)/;

/** RSA from 2048 bits, Curve25519 and 448, the NIST and Brainpool curves. */
export function isStrong(key: KeyPacket): boolean {
  if (MODERN.has(key.algorithm)) return true;
  const { bits = 0, curve = '' } = key.getAlgorithmInfo();
  if (ON_A_CURVE.has(key.algorithm)) return CURVES.test(curve);
  if (!RSA.has(key.algorithm) || bits < MIN_RSA_BITS || bits > MAX_RSA_BITS) return false;
  const { e } = key.publicParams as { e?: Uint8Array };
  return e !== undefined && e.length <= MAX_RSA_EXPONENT_OCTETS;
}

export function canSign(key: KeyPacket): boolean {
  return SIGNS.has(key.algorithm);
}

export function canEncrypt(key: KeyPacket): boolean {
  return ENCRYPTS.has(key.algorithm);
}
