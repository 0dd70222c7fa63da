// The subheader: the 214 octets inside each RSA block of a header, meant for one node.

import { ParseError } from './errors.ts';
import { DIGEST_LENGTH, SECRET_LENGTH } from './layout.ts';

export const VERSION_MAJOR = 0;
export const VERSION_MINOR = 3;

const FIXED = 42;
export const SUBHEADER_LENGTH = 214;
/** Octets of routing info that fit here; what is longer goes on in the part behind the RSA block. */
export const INLINE_LENGTH = SUBHEADER_LENGTH - FIXED;

export interface Subheader {
  readonly major: number;
  readonly minor: number;
  /** The secret that this hop shares with the builder, 16 octets. */
  readonly secret: Buffer;
  /** SHA-1 of the header behind the RSA block. */
  readonly digest: Buffer;
  readonly routingType: number;
  /** Octets of the whole routing info. */
  readonly routingLength: number;
  /** Its first octets, 172 at most. */
  readonly inline: Buffer;
  /** What fills the rest: the beginning of the next node's header. */
  readonly underflow: Buffer;
}

/** The fields of a plaintext of 214 octets; ParseError for any other length.   spec: mixminion-packet 3.1 */
export function parseSubheader(plain: Buffer): Subheader {
  if (plain.byteLength !== SUBHEADER_LENGTH) {
    throw new ParseError('subheader-length', `a subheader has ${SUBHEADER_LENGTH} octets`);
  }
  const routingLength = plain.readUInt16BE(38);
  const end = FIXED + Math.min(routingLength, INLINE_LENGTH);
  return {
    major: plain.readUInt8(0),
    minor: plain.readUInt8(1),
    secret: plain.subarray(2, 2 + SECRET_LENGTH),
    digest: plain.subarray(18, 18 + DIGEST_LENGTH),
    routingType: plain.readUInt16BE(40),
    routingLength,
    inline: plain.subarray(FIXED, end),
    underflow: plain.subarray(end),
  };
}

/** The 214 octets of a subheader; `inline` and `underflow` fill it exactly.   spec: mixminion-packet 3.1 */
export function writeSubheader(subheader: Subheader): Buffer {
  const { major, minor, secret, digest, routingType, routingLength, inline, underflow } = subheader;
  const plain = Buffer.alloc(SUBHEADER_LENGTH);
  plain.writeUInt8(major, 0);
  plain.writeUInt8(minor, 1);
  plain.set(secret, 2);
  plain.set(digest, 18);
  plain.writeUInt16BE(routingLength, 38);
  plain.writeUInt16BE(routingType, 40);
  plain.set(inline, FIXED);
  plain.set(underflow, FIXED + inline.byteLength);
  return plain;
}
