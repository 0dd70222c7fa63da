// Building one header: nested from the last hop to the first, with the junk that earlier hops will append foreseen.

import { asBuffer } from '../../base/bytes.ts';
import type { Random } from '../../base/random.ts';
import { aesCtr, keystream } from '../../crypto/aes-ctr.ts';
import { sha1 } from '../../crypto/hash.ts';
import { subkey } from '../../crypto/lioness.ts';
import type { RsaPublicKey } from '../../crypto/rsa.ts';
import { PathTooLongError } from './errors.ts';
import { HEADER_LENGTH, HOP_OVERHEAD, Mode, RSA_BLOCK } from './layout.ts';
import type { Instruction } from './routing.ts';
import { INLINE_LENGTH, VERSION_MAJOR, VERSION_MINOR, writeSubheader } from './subheader.ts';

/** One node of a leg, with what it is told. */
export interface HeaderHop extends Instruction {
  /** 2048 bits. */
  readonly packetKey: RsaPublicKey;
  /** 16 octets. */
  readonly secret: Uint8Array;
}

/**
 * The 2048 octets for hops in path order. `padding` gives what is left over at the end, `oaep` 20 octets for each RSA
 * block from the last hop to the first. Throws PathTooLongError when it does not fit.   spec: mixminion-packet 5
 */
export function buildHeader(hops: readonly HeaderHop[], leg: 1 | 2, padding: Random, oaep: Random): Buffer {
  requireFit(hops, leg);
  const total = hops.reduce((sum, hop) => sum + sizeOf(hop), 0);
  let header = padding.bytes(HEADER_LENGTH - total);
  const junks = junkBefore(hops);
  for (const [index, hop] of [...hops.entries()].reverse()) {
    const { packetKey, secret, routingType, routingInfo } = hop;
    const inline = asBuffer(routingInfo.subarray(0, INLINE_LENGTH));
    const overflow = routingInfo.subarray(INLINE_LENGTH);
    const underflow = header.subarray(0, INLINE_LENGTH - inline.byteLength);
    const rest = aesCtr(
      subkey(secret, Mode.headerSecret),
      Buffer.concat([overflow, header.subarray(underflow.byteLength)]),
    );
    const plain = writeSubheader({
      major: VERSION_MAJOR,
      minor: VERSION_MINOR,
      secret: asBuffer(secret),
      digest: sha1(rest, junks[index] ?? Buffer.alloc(0)),
      routingType,
      routingLength: routingInfo.byteLength,
      inline,
      underflow,
    });
    header = Buffer.concat([packetKey.encrypt(plain, oaep), rest]);
  }
  return header;
}

/** Throws PathTooLongError when the hops do not fit into one header.   spec: mixminion-packet 5 */
export function requireFit(hops: readonly Instruction[], leg: 1 | 2): void {
  const last = hops.at(-1);
  const total = hops.reduce((sum, hop) => sum + sizeOf(hop), 0);
  // The last RSA block is full even when no padding is left to fill it with.
  const filled = last !== undefined && HEADER_LENGTH - total + sizeOf(last) >= RSA_BLOCK;
  if (total > HEADER_LENGTH || !filled) throw new PathTooLongError(leg);
}

function sizeOf({ routingInfo }: Instruction): number {
  return HOP_OVERHEAD + routingInfo.byteLength;
}

/** For each hop the end of the header that it will see, grown from what the hops before it appended and encrypted. */
function junkBefore(hops: readonly HeaderHop[]): Buffer[] {
  let junk: Buffer = Buffer.alloc(0);
  return hops.map((hop) => {
    const seen = junk;
    const appended = Buffer.concat([seen, keystream(subkey(hop.secret, Mode.junk), sizeOf(hop))]);
    const offset = HEADER_LENGTH - RSA_BLOCK - seen.byteLength;
    junk = aesCtr(subkey(hop.secret, Mode.headerSecret), appended, offset);
    return seen;
  });
}
