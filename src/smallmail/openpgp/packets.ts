// OpenPGP's outermost layer: octets to packets and back (RFC 9580, section 4). What lies in a packet is not looked at.

import { asBuffer } from '../../base/bytes.ts';
import { PacketError } from './errors.ts';

/** The packet types that matter here (RFC 9580, 5). */
export const TAG = {
  encryptedSessionKey: 1,
  signature: 2,
  secretKey: 5,
  publicKey: 6,
  secretSubkey: 7,
  onePassSignature: 4,
  compressed: 8,
  encryptedWithoutIntegrity: 9,
  marker: 10,
  literal: 11,
  trust: 12,
  userId: 13,
  publicSubkey: 14,
  userAttribute: 17,
  encryptedWithIntegrity: 18,
  encryptedWithAead: 20,
  padding: 21,
} as const;

/** Unknown packets from this tag on may be ignored; those below are critical (RFC 9580, 4.3). */
export const FIRST_UNCRITICAL_TAG = 40;

/** Only packets of data may have a length that is not known at their beginning (RFC 9580, 4.2.1.4). */
const DATA_TAGS: ReadonlySet<number> = new Set([
  TAG.compressed,
  TAG.encryptedWithoutIntegrity,
  TAG.literal,
  TAG.encryptedWithIntegrity,
  TAG.encryptedWithAead,
]);

export interface Packet {
  readonly tag: number;
  readonly body: Buffer;
}

/**
 * The packets that `octets` consist of, at most `most` of them; bodies are views where that is possible.
 * Throws PacketError when the octets are anything else, text in armour included.
 */
export function readPackets(octets: Uint8Array, most: number): Packet[] {
  const input = asBuffer(octets);
  const packets: Packet[] = [];
  for (let at = 0; at < input.length; ) {
    if (packets.length === most) throw new PacketError(`there are more than ${most} packets`);
    const { packet, end } = readPacket(input, at);
    packets.push(packet);
    at = end;
  }
  return packets;
}

function readPacket(input: Buffer, start: number): { packet: Packet; end: number } {
  const { tag, ...first } = readHeader(input.subarray(start)) ?? cutOff();
  const pieces: Buffer[] = [];
  let at = start;
  for (let piece: Piece = first; ; piece = readPiece(input.subarray(at)) ?? cutOff()) {
    const from = at + piece.size;
    at = Math.min(from + piece.length, input.length);
    if (at < from + piece.length && piece.length !== Number.POSITIVE_INFINITY) cutOff();
    pieces.push(input.subarray(from, at));
    if (piece.last) break;
  }
  const body = pieces.length === 1 && pieces[0] ? pieces[0] : Buffer.concat(pieces);
  return { packet: { tag, body }, end: at };
}

function cutOff(): never {
  throw new PacketError('a packet is cut off');
}

/** A packet's body comes in one piece, or in several with a length in front of each. */
export interface Piece {
  /** Octets of the header or length itself. */
  readonly size: number;
  /** Octets of the body in this piece; infinite when it goes on to the end of the input. */
  readonly length: number;
  readonly last: boolean;
}

/**
 * The header at the beginning of `input`; undefined when more octets are needed to read it.
 * Throws PacketError for what cannot be the header of any packet.
 */
export function readHeader(input: Buffer): ({ tag: number } & Piece) | undefined {
  const [first] = input;
  if (first === undefined) return undefined;
  if ((first & 0x80) === 0) throw new PacketError('these are no OpenPGP packets in binary form');
  const old = (first & 0x40) === 0;
  const tag = old ? (first >> 2) & 0x0f : first & 0x3f;
  if (tag === 0) throw new PacketError('packet type 0 does not exist');
  const piece = old ? readOldLength(input.subarray(1), first & 3) : readPiece(input.subarray(1));
  if (piece === undefined) return undefined;
  const open = !piece.last || piece.length === Number.POSITIVE_INFINITY;
  if (open && !DATA_TAGS.has(tag)) throw new PacketError(`packet type ${tag} needs a plain length`);
  return { tag, ...piece, size: piece.size + 1 };
}

/** The length in front of a later piece of the same packet; undefined when more octets are needed to read it. */
export function readPiece(input: Buffer): Piece | undefined {
  const [first, second = 0] = input;
  if (first === undefined) return undefined;
  if (first < 192) return { size: 1, length: first, last: true };
  if (first >= 224 && first < 255) return { size: 1, length: 2 ** (first & 0x1f), last: false };
  const size = first < 224 ? 2 : 5;
  if (input.length < size) return undefined;
  const length = size === 2 ? ((first - 192) << 8) + second + 192 : input.readUInt32BE(1);
  return { size, length, last: true };
}

function readOldLength(input: Buffer, kind: number): Piece | undefined {
  if (kind === 3) return { size: 0, length: Number.POSITIVE_INFINITY, last: true };
  const size = 1 << kind;
  return input.length < size ? undefined : { size, length: input.readUIntBE(0, size), last: true };
}

/** One packet with the header of today's format and the shortest length. */
export function writePacket(tag: number, body: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([0xc0 | tag]), writeLength(body.length), body]);
}

function writeLength(length: number): Buffer {
  if (length < 192) return Buffer.from([length]);
  if (length < 8384) return Buffer.from([192 + ((length - 192) >> 8), (length - 192) & 0xff]);
  const octets = Buffer.from([255, 0, 0, 0, 0]);
  octets.writeUInt32BE(length, 1);
  return octets;
}
