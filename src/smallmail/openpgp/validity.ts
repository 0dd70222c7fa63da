// What a key can be used for at a given time: which of its parts may sign, which may be encrypted to, or why none may.

import type { SignaturePacket } from 'openpgp';
import { DAY } from '../../base/time.ts';
import { type Component, type Components, SIGNATURE } from './components.ts';
import type { KeyPacket } from './library.ts';
import { TAG } from './packets.ts';
import { canEncrypt, canSign, isStrong } from './strength.ts';

/** How far a peer's clock may be from ours: clients come through Tor and keep their own time.   spec: smallmail 2.6 */
export const CLOCK_TOLERANCE = DAY;

const FLAG_SIGN = 0x02;
const FLAGS_ENCRYPT = 0x04 | 0x08;
/** Reasons after which what was signed before the revocation stays good; with any other, nothing does. */
const SOFT_REVOCATIONS = new Set<number | null>([1, 3]);

export interface UsableKeys {
  readonly signing: readonly KeyPacket[];
  readonly encryption: readonly KeyPacket[];
}

/** `refusal` says why a key is of no use at all, in words for its owner. */
export type Validity = UsableKeys & { readonly refusal?: string };

const NOTHING = { signing: [], encryption: [] };

/** True when the primary key itself has ended its use. */
export function isRevoked({ primary }: Components, now: number): boolean {
  return hasRevocation(primary, SIGNATURE.keyRevocation, now);
}

/** What of the key is good at `now`, in milliseconds since 1970. */
export function usableAt(components: Components, now: number): Validity {
  const { primary, parts } = components;
  if (isRevoked(components, now)) return { ...NOTHING, refusal: 'the key is revoked' };
  const self = selfSignature(components, now);
  if (self === undefined) return { ...NOTHING, refusal: 'the key has no valid signature of its own' };
  if (!isAlive(primary.key, self, now)) return { ...NOTHING, refusal: 'the key has expired or is not valid yet' };

  const signing: KeyPacket[] = [];
  const encryption: KeyPacket[] = [];
  const sort = (key: KeyPacket, by: SignaturePacket, without = 0) => {
    const flags = by.keyFlags?.[0] ?? (FLAG_SIGN | FLAGS_ENCRYPT) & ~without; // no flags: whatever the algorithm can
    if ((flags & FLAG_SIGN) !== 0 && canSign(key)) signing.push(key);
    if ((flags & FLAGS_ENCRYPT) !== 0 && canEncrypt(key)) encryption.push(key);
  };
  sort(primary.key, self);
  for (const part of parts) {
    if (part.tag !== TAG.publicSubkey || part.key === undefined || !isStrong(part.key)) continue;
    if (part.key.version !== primary.key.version || hasRevocation(part, SIGNATURE.subkeyRevocation, now)) continue;
    const binding = newest(part.signatures, [SIGNATURE.subkeyBinding], now);
    // Without flags there was no proof asked of the subkey that it agrees, so it may not sign.
    if (binding && isAlive(part.key, binding, now)) sort(part.key, binding, FLAG_SIGN);
  }
  return { signing, encryption };
}

/**
 * The signature that speaks for the primary key: of version 4 the newest over a user id, and a direct one only when
 * there is none; of version 6 the newest direct one (RFC 9580, 5.2.3.10).
 */
function selfSignature({ primary, parts }: Components, now: number): SignaturePacket | undefined {
  const direct = newest(primary.signatures, [SIGNATURE.direct], now);
  if (primary.key.version !== 4) return direct;
  const overUsers = parts
    .filter(({ tag }) => tag === TAG.userId)
    .map(({ signatures }) => {
      const made = newest(signatures, SIGNATURE.certifications, now);
      const withdrawn = newest(signatures, [SIGNATURE.certificationRevocation], now);
      return made && withdrawn && time(withdrawn.created) >= time(made.created) ? undefined : made;
    })
    .filter((signature) => signature !== undefined);
  return newest(overUsers, SIGNATURE.certifications, now) ?? direct;
}

function newest(
  signatures: readonly SignaturePacket[],
  types: readonly number[],
  now: number,
): SignaturePacket | undefined {
  return signatures
    .filter(({ signatureType }) => types.some((type) => type === signatureType))
    .filter((signature) => isInForce(signature, now))
    .sort((a, b) => time(b.created) - time(a.created))[0];
}

function isInForce(signature: SignaturePacket, now: number): boolean {
  return time(signature.created) <= now + CLOCK_TOLERANCE && now < time(signature.getExpirationTime());
}

/** True between the key's making and the end that `signature` sets for it. */
function isAlive(key: KeyPacket, signature: SignaturePacket, now: number): boolean {
  const made = time(key.created);
  const end = signature.keyExpirationTime ? made + signature.keyExpirationTime * 1000 : Number.POSITIVE_INFINITY;
  return made <= now + CLOCK_TOLERANCE && now < end;
}

function hasRevocation({ signatures }: Component, type: number, now: number): boolean {
  return signatures.some(
    (signature) =>
      signature.signatureType === type &&
      (!SOFT_REVOCATIONS.has(signature.reasonForRevocationFlag) || time(signature.created) <= now),
  );
}

function time(date: Date | number | null): number {
  return Number(date ?? 0);
}
