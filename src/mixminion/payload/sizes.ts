// The two lengths of plaintext payloads.   spec: mixminion-e2e 4.1

import { PAYLOAD_LENGTH } from '../packet/layout.ts';

/** Octets that an encrypted forward payload gives up: RSA padding (42) and session key (16), less the 20 in the tag. */
export const ENCRYPTED_OVERHEAD = 38;

/** Octets by which a plaintext payload is shorter than 28672: none, or those of an encrypted forward payload. */
export type Overhead = 0 | typeof ENCRYPTED_OVERHEAD;

/** The overhead of a plaintext payload of this length, or undefined when none has this length. */
export function overheadOf(length: number): Overhead | undefined {
  if (length === PAYLOAD_LENGTH) return 0;
  return length === PAYLOAD_LENGTH - ENCRYPTED_OVERHEAD ? ENCRYPTED_OVERHEAD : undefined;
}
