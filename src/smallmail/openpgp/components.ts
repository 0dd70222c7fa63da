// A certificate taken apart: the primary key, the user ids and the subkeys, each with those signatures over it that the
// primary key really made. Whatever anybody else can add is gone: other people's signatures, unsigned subpackets,
// packets that nothing binds. So two certificates can be united without trusting who sent them.   spec: smallmail 2.4

import type { SignaturePacket } from 'openpgp';
import { asBuffer } from '../../base/bytes.ts';
import { messageOf } from '../../base/errors.ts';
import { KeyError, PacketError } from './errors.ts';
import { type KeyPacket, openPgp } from './library.ts';
import { FIRST_UNCRITICAL_TAG, type Packet, readPackets, TAG, writePacket } from './packets.ts';
import { isStrong } from './strength.ts';

/** Octets of a certificate.   spec: smallmail 2.4 */
export const MAX_CERTIFICATE = 65536;
const MAX_PACKETS = 2048;
/** Signatures in the primary key's name that are verified; each costs up to a fraction of a millisecond. */
const MAX_OWN_SIGNATURES = 256;

/** Signature types (RFC 9580, 5.2.1). */
export const SIGNATURE = {
  binary: 0x00,
  text: 0x01,
  certifications: [0x10, 0x11, 0x12, 0x13],
  subkeyBinding: 0x18,
  primaryBinding: 0x19,
  direct: 0x1f,
  keyRevocation: 0x20,
  subkeyRevocation: 0x28,
  certificationRevocation: 0x30,
} as const;

const KEY_FLAG_SIGN = 0x02;
const SUBPACKET_ISSUER = 16;
const SUBPACKET_EMBEDDED_SIGNATURE = 32;
const SUBPACKET_ISSUER_FINGERPRINT = 33;

export interface Component {
  readonly tag: number;
  readonly body: Buffer;
  /** Of the primary key and the subkeys. */
  readonly key: KeyPacket | undefined;
  readonly signatures: readonly SignaturePacket[];
}

export interface Components {
  readonly primary: Component & { readonly key: KeyPacket };
  /** User ids, user attributes and subkeys that the primary key has signed, in the order they came in. */
  readonly parts: readonly Component[];
}

/**
 * Takes the octets of one public key apart and verifies, but judges neither time nor use.
 * Throws KeyError `malformed`, or `unwanted` for a primary key of a kind that is not known or too weak to verify with.
 */
export async function readComponents(octets: Uint8Array): Promise<Components> {
  if (octets.length > MAX_CERTIFICATE) throw new KeyError('malformed', `a key has at most ${MAX_CERTIFICATE} octets`);
  const [first, ...rest] = readPacketsOfKey(octets);
  if (first?.tag !== TAG.publicKey) throw new KeyError('malformed', 'a public key begins with its primary key');
  const key = await readKeyPacket(first);
  if (!isStrong(key)) throw new KeyError('unwanted', 'the algorithm or size of the key is too weak');
  const verifier = makeVerifier(key);

  const primarySignatures: SignaturePacket[] = [];
  const parts: Component[] = [];
  for (const { component, signatures } of groupBySubject(rest)) {
    const subject = component === undefined ? undefined : await readSubject(component);
    if (component !== undefined && subject === undefined) continue;
    const own: SignaturePacket[] = [];
    for (const body of signatures) {
      const signature = await verifier.verify(body, subject);
      if (signature === undefined) continue;
      addSignature(isAboutPrimary(signature.signatureType) ? primarySignatures : own, signature);
    }
    if (subject !== undefined && own.length > 0) parts.push({ ...subject, signatures: own });
  }
  return { primary: { ...first, key, signatures: primarySignatures }, parts };
}

/** The components as octets: primary key, its signatures, then each part with its own. */
export function writeComponents({ primary, parts }: Components): Buffer {
  const packets = [primary, ...parts].flatMap(({ tag, body, signatures }) => [
    writePacket(tag, body),
    ...signatures.map((signature) => writePacket(TAG.signature, octetsOf(signature))),
  ]);
  return Buffer.concat(packets);
}

/** Everything that either of two certificates of one key has; `added` when `more` had something that `base` lacks. */
export function uniteComponents(base: Components, more: Components): { united: Components; added: boolean } {
  let added = false;
  const unite = <T extends Component>(mine: T, theirs: Component): T => {
    const signatures = [...mine.signatures];
    for (const signature of theirs.signatures) added = addSignature(signatures, signature) || added;
    return { ...mine, signatures };
  };
  const primary = unite(base.primary, more.primary);
  const parts = [...base.parts];
  for (const part of more.parts) {
    const at = parts.findIndex(({ tag, body }) => tag === part.tag && body.equals(part.body));
    const known = parts[at];
    if (known === undefined) {
      parts.push(part);
      added = true;
    } else {
      parts[at] = unite(known, part);
    }
  }
  return { united: { primary, parts }, added };
}

function readPacketsOfKey(octets: Uint8Array): Packet[] {
  const packets = packetsOrMalformed(octets);
  for (const [at, { tag }] of packets.entries()) {
    if (tag === TAG.secretKey || tag === TAG.secretSubkey) throw new KeyError('malformed', 'this is a secret key');
    if (tag === TAG.publicKey && at > 0) throw new KeyError('malformed', 'these are several keys');
    if (!IN_A_KEY.has(tag) && tag < FIRST_UNCRITICAL_TAG) {
      throw new KeyError('malformed', `a packet of type ${tag} does not belong in a key`);
    }
  }
  return packets.filter(({ tag }) => MEANS_SOMETHING.has(tag));
}

const MEANS_SOMETHING: ReadonlySet<number> = new Set([
  TAG.publicKey,
  TAG.publicSubkey,
  TAG.userId,
  TAG.userAttribute,
  TAG.signature,
]);
const IN_A_KEY: ReadonlySet<number> = new Set([...MEANS_SOMETHING, TAG.marker, TAG.trust, TAG.padding]);

function packetsOrMalformed(octets: Uint8Array): Packet[] {
  try {
    return readPackets(octets, MAX_PACKETS);
  } catch (cause) {
    if (!(cause instanceof PacketError)) throw cause;
    throw new KeyError('malformed', cause.message, { cause });
  }
}

/** Signatures stand behind what they are about. Those before the first component, `undefined`, are about the primary key. */
function groupBySubject(packets: readonly Packet[]) {
  const groups: { component: Packet | undefined; signatures: Buffer[] }[] = [{ component: undefined, signatures: [] }];
  for (const packet of packets) {
    if (packet.tag === TAG.signature) groups.at(-1)?.signatures.push(packet.body);
    else groups.push({ component: packet, signatures: [] });
  }
  return groups;
}

type Subject = Omit<Component, 'signatures'>;

/** A user id as it is, a subkey with its key; undefined for a subkey of a kind that nobody here can use. */
async function readSubject(packet: Packet): Promise<Subject | undefined> {
  if (packet.tag !== TAG.publicSubkey) return { ...packet, key: undefined };
  try {
    return { ...packet, key: await readKeyPacket(packet) };
  } catch {
    return undefined;
  }
}

async function readKeyPacket({ tag, body }: Packet): Promise<KeyPacket> {
  const { library } = await openPgp();
  const key = tag === TAG.publicKey ? new library.PublicKeyPacket() : new library.PublicSubkeyPacket();
  try {
    await key.read(new Uint8Array(body));
  } catch (cause) {
    const unknown = cause instanceof Error && cause.name === 'UnsupportedError'; // a version or algorithm
    throw new KeyError(unknown ? 'unwanted' : 'malformed', `the key cannot be read: ${messageOf(cause)}`, { cause });
  }
  // The fingerprint is taken over the packet as rewritten; it is the key's only when nothing was lost on the way.
  if (!asBuffer(key.write()).equals(body)) throw new KeyError('malformed', 'the key is not written in the usual form');
  return key;
}

function makeVerifier(primary: KeyPacket) {
  let verified = 0;
  return {
    /** The signature in its plain form, if the primary key made it over `subject` or over itself; else undefined. */
    async verify(body: Buffer, subject: Subject | undefined): Promise<SignaturePacket | undefined> {
      const { library, config } = await openPgp();
      const signature = new library.SignaturePacket();
      try {
        signature.read(new Uint8Array(body));
        if (signature.issuerKeyID?.toHex() !== primary.getKeyID().toHex()) return undefined;
      } catch {
        return undefined; // of a version that is not known, or damaged
      }
      const about = signature.signatureType;
      const data = about === null ? undefined : signedData(about, primary, subject);
      if (about === null || data === undefined) return undefined;
      if (++verified > MAX_OWN_SIGNATURES) throw new KeyError('unwanted', 'the key carries too many signatures');
      try {
        // Judged at its own time: expiry is not the question here.
        await signature.verify(primary, about, data, signature.created ?? undefined, false, config);
        if (about === SIGNATURE.subkeyBinding && signsMail(signature)) {
          // A subkey that may sign must itself have said that it belongs to this key (RFC 9580, 10.1.5).
          const back = signature.embeddedSignature;
          if (!subject?.key || !isStrong(subject.key) || back === null) return undefined;
          await back.verify(subject.key, SIGNATURE.primaryBinding, data, back.created ?? undefined, false, config);
          makePlain(back, subject.key);
        }
        makePlain(signature, primary);
        return signature;
      } catch {
        return undefined;
      }
    },
  };
}

function signsMail(signature: SignaturePacket): boolean {
  return ((signature.keyFlags?.[0] ?? 0) & KEY_FLAG_SIGN) !== 0;
}

/** What a signature of this type covers, in the library's terms; undefined when it cannot stand behind `subject`. */
function signedData(type: number, primary: KeyPacket, subject: Subject | undefined): object | undefined {
  if (isAboutPrimary(type)) return { key: primary };
  if (subject?.key !== undefined) {
    return type === SIGNATURE.subkeyBinding || type === SIGNATURE.subkeyRevocation
      ? { key: primary, bind: subject.key }
      : undefined;
  }
  if (subject === undefined || !isAboutUser(type)) return undefined;
  const exact = { write: () => subject.body }; // not decoded and encoded again: user ids need not be UTF-8
  return subject.tag === TAG.userId ? { key: primary, userID: exact } : { key: primary, userAttribute: exact };
}

function isAboutPrimary(type: number | null): boolean {
  return type === SIGNATURE.direct || type === SIGNATURE.keyRevocation;
}

function isAboutUser(type: number): boolean {
  return type === SIGNATURE.certificationRevocation || SIGNATURE.certifications.some((known) => known === type);
}

/**
 * Leaves of the unsigned subpackets only the issuer and the subkey's own signature: the rest can be written by anybody,
 * and would make a new signature out of an old one as often as somebody likes.
 */
function makePlain(signature: SignaturePacket, issuer: KeyPacket): void {
  const fingerprint = issuer.getFingerprintBytes() ?? new Uint8Array();
  const issuedBy =
    issuer.version === 4
      ? { type: SUBPACKET_ISSUER, critical: false, body: fingerprint.subarray(-8) }
      : {
          type: SUBPACKET_ISSUER_FINGERPRINT,
          critical: false,
          body: Buffer.concat([Buffer.from([issuer.version]), fingerprint]),
        };
  const hadBack = signature.unhashedSubpackets.some(({ type }) => type === SUBPACKET_EMBEDDED_SIGNATURE);
  const back = signature.embeddedSignature;
  signature.unhashedSubpackets =
    hadBack && back !== null
      ? [issuedBy, { type: SUBPACKET_EMBEDDED_SIGNATURE, critical: false, body: octetsOf(back) }]
      : [issuedBy];
}

function octetsOf(signature: SignaturePacket): Buffer {
  return asBuffer(signature.write());
}

/** Adds a signature unless its signed part is there already; true when it was added. */
function addSignature(signatures: SignaturePacket[], signature: SignaturePacket): boolean {
  const signed = signedPart(signature);
  if (signatures.some((known) => signedPart(known).equals(signed))) return false;
  signatures.push(signature);
  return true;
}

function signedPart(signature: SignaturePacket): Buffer {
  return asBuffer(signature.signatureData ?? new Uint8Array());
}
