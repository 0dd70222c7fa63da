// The answer to a challenge: a signature by the mailbox's key over the challenge.   spec: smallmail 2.6

import { inflateRawSync, inflateSync } from 'node:zlib';
import type { SignaturePacket } from 'openpgp';
import { cachedComponents } from './certificate.ts';
import { SIGNATURE } from './components.ts';
import { PacketError } from './errors.ts';
import { type KeyPacket, openPgp } from './library.ts';
import { type Packet, readPackets, TAG } from './packets.ts';
import { CLOCK_TOLERANCE, usableAt } from './validity.ts';

const MAX_RESPONSE = 8192;
const MAX_INFLATED = 16384;
const MAX_PACKETS = 16;
/** A client signs once; a few more are looked at for keys that sign twice, with the primary key and a subkey. */
const MAX_SIGNATURES = 4;

/** SHA-256, 384, 512 and both SHA-3 (RFC 9580, 9.5). */
const GOOD_HASHES = new Set<number | null>([8, 9, 10, 12, 14]);
const SHA1 = 2;

export interface Identification {
  /** The mailbox's certificate as stored. */
  readonly certificate: Uint8Array;
  /** The challenge as sent, without LF. */
  readonly challenge: string;
  /** What followed RESP, 1 to 8192 octets. */
  readonly response: Uint8Array;
  readonly now: number;
  /** Clients of 2009 signed with SHA-1. */
  readonly allowSha1: boolean;
}

/** True when the response proves that its sender holds the mailbox's key. Any response that cannot be read proves nothing. */
export async function verifyResponse(identification: Identification): Promise<boolean> {
  const { certificate, challenge, response, now, allowSha1 } = identification;
  try {
    const { signing } = usableAt(await cachedComponents(certificate), now);
    const { signatures, literal } = readSigned(response);
    for (const body of signatures.slice(0, MAX_SIGNATURES)) {
      const signature = await readSignature(body);
      const signer = signing.find((key) => key.getKeyID().toHex() === signature?.issuerKeyID?.toHex());
      if (signature === undefined || signer === undefined) continue;
      if (!GOOD_HASHES.has(signature.hashAlgorithm) && !(allowSha1 && signature.hashAlgorithm === SHA1)) continue;
      if (!isTimely(signature, signer, now)) continue;
      for (const text of textsSigned(signature.signatureType, challenge, literal)) {
        if (await isMadeBy(signer, signature, text)) return true;
      }
    }
    return false;
  } catch {
    return false;
  }
}

interface Signed {
  readonly signatures: readonly Buffer[];
  /** What a signed message carries; a detached signature carries nothing. */
  readonly literal: Buffer | undefined;
}

/** A detached signature, or a signed message of either style, which may be compressed once. Throws on anything else. */
function readSigned(response: Uint8Array): Signed {
  if (response.length > MAX_RESPONSE) throw new PacketError('the response is too long');
  const packets = readMeaningful(response);
  const [only] = packets;
  return packets.length === 1 && only?.tag === TAG.compressed
    ? readSignedMessage(readMeaningful(inflate(only.body)))
    : packets.every(({ tag }) => tag === TAG.signature)
      ? { signatures: packets.map(({ body }) => body), literal: undefined }
      : readSignedMessage(packets);
}

function readMeaningful(octets: Uint8Array): Packet[] {
  return readPackets(octets, MAX_PACKETS).filter(({ tag }) => tag !== TAG.marker && tag !== TAG.padding);
}

function inflate(body: Buffer): Buffer {
  const limit = { maxOutputLength: MAX_INFLATED };
  if (body[0] === 1) return inflateRawSync(body.subarray(1), limit);
  if (body[0] === 2) return inflateSync(body.subarray(1), limit);
  throw new PacketError('compressed in a way that is not known here');
}

/** One-pass headers, literal, signatures; or, in the old style, signatures, literal (RFC 9580, 10.3). */
function readSignedMessage(packets: readonly Packet[]): Signed {
  const shape = packets.map(({ tag }) => tag).join(' ');
  if (!/^(4 )+11( 2)+$|^(2 )+11$/.test(shape)) throw new PacketError('this is no signed message');
  const literal = packets.find(({ tag }) => tag === TAG.literal)?.body ?? Buffer.alloc(0);
  const header = 1 + 1 + (literal[1] ?? 0) + 4; // format, name with its length, date
  if (literal.length < header) throw new PacketError('a literal packet is cut off');
  return {
    signatures: packets.filter(({ tag }) => tag === TAG.signature).map(({ body }) => body),
    literal: literal.subarray(header),
  };
}

/** The octets that a signature of this type may cover: the challenge, or the line it came in.   spec: smallmail 2.6 */
function textsSigned(type: number | null, challenge: string, literal: Buffer | undefined): Buffer[] {
  const lineEnd = type === SIGNATURE.binary ? '\n' : type === SIGNATURE.text ? '\r\n' : undefined;
  if (lineEnd === undefined) return [];
  const texts = [Buffer.from(challenge), Buffer.from(challenge + lineEnd)];
  if (literal === undefined) return texts;
  const carried =
    type === SIGNATURE.text ? Buffer.from(literal.toString('latin1').replace(/\r?\n$/, '\r\n'), 'latin1') : literal;
  return texts.filter((text) => text.equals(carried));
}

function isTimely(signature: SignaturePacket, signer: KeyPacket, now: number): boolean {
  const made = Number(signature.created ?? Number.NaN);
  return (
    Math.abs(made - now) <= CLOCK_TOLERANCE &&
    made >= Number(signer.created) &&
    now < Number(signature.getExpirationTime())
  );
}

async function readSignature(body: Buffer): Promise<SignaturePacket | undefined> {
  const { library } = await openPgp();
  const signature = new library.SignaturePacket();
  try {
    signature.read(new Uint8Array(body));
    return signature;
  } catch {
    return undefined;
  }
}

async function isMadeBy(key: KeyPacket, signature: SignaturePacket, text: Buffer): Promise<boolean> {
  const { config } = await openPgp();
  const document = { text: null, getBytes: () => new Uint8Array(text) };
  const type = signature.signatureType;
  if (type === null) return false;
  try {
    await signature.verify(key, type, document, signature.created ?? undefined, true, config);
    return true;
  } catch {
    return false;
  }
}
