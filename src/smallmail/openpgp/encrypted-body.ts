// Does a body look like a message encrypted to this mailbox? Told from its packet headers alone, while the octets pass by.
// Kept in memory: one packet's header and the first octets of a session key packet.   spec: smallmail 2.5

import { toHex } from '../../base/bytes.ts';
import { PacketError } from './errors.ts';
import { type Piece, readHeader, readPiece, TAG } from './packets.ts';

/** Octets of one encrypted session key: RSA-16384 with room to spare. */
const MAX_SESSION_KEY = 4096;
/** How many recipients a message may name. */
const MAX_SESSION_KEYS = 256;
/** A packet's header: its type, then a length of at most 5 octets. */
const MAX_HEADER = 6;
/** What of a session key packet is kept: two versions, a length and the longest fingerprint say whom it is for. */
const RECIPIENT_OCTETS = 35;
/** The first of several pieces has at least this many octets (RFC 9580, 4.2.1.4). */
const MIN_FIRST_PIECE = 512;
/** Octets of encrypted data: its version, a random block of 8 with two octets again, an empty packet, the digest. */
const MIN_DATA = 35;
const WILDCARD = '0'.repeat(16);

/** Feed it the body in whatever pieces it comes, then ask for the verdict. */
export class EncryptedBodyCheck {
  readonly #wanted: ReadonlySet<string>;
  #refused = false;
  readonly #header = Buffer.alloc(MAX_HEADER);
  #headerLength = 0;
  #tag = 0;
  /** Octets of the present piece that are still to come, and whether it is the packet's last one. */
  #missing = 0;
  #last = true;
  /** Octets of the packet's body so far. */
  #seen = 0;
  readonly #recipient = Buffer.alloc(RECIPIENT_OCTETS);
  #sessionKeys = 0;
  #addressed = false;
  #hasData = false;

  /** `encryptionKeyIds`: those of the mailbox's certificate, 16 lower-case hex digits each. */
  constructor(encryptionKeyIds: readonly string[]) {
    this.#wanted = new Set([...encryptionKeyIds, WILDCARD]);
  }

  /** Takes the next octets of the body. Nothing of them is held on to. */
  push(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length && !this.#refused; ) {
      if (this.#missing > 0) {
        const piece = chunk.subarray(at, at + this.#missing);
        at += piece.length;
        this.#takeBody(piece);
      } else {
        this.#takeHeader(chunk[at] ?? 0);
        at += 1;
      }
    }
  }

  /** True when the octets so far are, from the first to the last, a message encrypted to the mailbox or to a hidden key. */
  verdict(): boolean {
    const atBorder = this.#missing === 0 && this.#last && this.#headerLength === 0;
    return !this.#refused && atBorder && this.#addressed && this.#hasData;
  }

  #takeHeader(octet: number): void {
    this.#header[this.#headerLength] = octet;
    this.#headerLength += 1;
    const header = this.#header.subarray(0, this.#headerLength);
    try {
      if (this.#last) {
        const found = readHeader(header);
        if (found) this.#beginPacket(found.tag, found);
      } else {
        const found = readPiece(header);
        if (found) this.#beginPiece(found);
      }
    } catch (error) {
      if (!(error instanceof PacketError)) throw error;
      this.#refused = true;
    }
  }

  #beginPacket(tag: number, piece: Piece): void {
    this.#tag = tag;
    this.#seen = 0;
    const tooShort = !piece.last && piece.length < MIN_FIRST_PIECE;
    if (tooShort || !this.#mayFollow(tag, piece.length)) this.#refused = true;
    else this.#beginPiece(piece);
  }

  #beginPiece({ length, last }: Piece): void {
    this.#headerLength = 0;
    this.#missing = length;
    this.#last = last;
    if (length === 0 && last) this.#endPacket();
  }

  /** Session keys come first, then the data, once; markers and padding may lie anywhere. */
  #mayFollow(tag: number, length: number): boolean {
    switch (tag) {
      case TAG.marker:
        return length === 3; // "PGP"
      case TAG.padding:
        return true;
      case TAG.encryptedSessionKey:
        this.#sessionKeys += 1;
        return !this.#hasData && this.#sessionKeys <= MAX_SESSION_KEYS && length <= MAX_SESSION_KEY;
      case TAG.encryptedWithIntegrity:
      case TAG.encryptedWithAead:
        return !this.#hasData && this.#addressed;
      default:
        return false; // tag 9, encrypted without integrity, is among them
    }
  }

  #takeBody(octets: Uint8Array): void {
    if (this.#tag === TAG.encryptedSessionKey && this.#seen < RECIPIENT_OCTETS) {
      this.#recipient.set(octets.subarray(0, RECIPIENT_OCTETS - this.#seen), this.#seen);
    }
    if (this.#seen === 0 && !this.#isKnownVersion(octets[0] ?? 0)) this.#refused = true;
    this.#seen += octets.length;
    this.#missing -= octets.length;
    if (this.#missing === 0 && this.#last) this.#endPacket();
  }

  #isKnownVersion(version: number): boolean {
    switch (this.#tag) {
      case TAG.encryptedSessionKey:
        return version === 3 || version === 6;
      case TAG.encryptedWithIntegrity:
        return version === 1 || version === 2;
      case TAG.encryptedWithAead:
        return version === 1;
      default:
        return true;
    }
  }

  #endPacket(): void {
    if (this.#tag === TAG.encryptedSessionKey) {
      const keyId = recipientOf(this.#recipient.subarray(0, Math.min(this.#seen, RECIPIENT_OCTETS)));
      if (keyId === undefined) this.#refused = true;
      else if (this.#wanted.has(keyId)) this.#addressed = true;
    } else if (this.#tag === TAG.encryptedWithIntegrity || this.#tag === TAG.encryptedWithAead) {
      if (this.#seen < MIN_DATA) this.#refused = true;
      this.#hasData = true;
    }
  }
}

/** The key id that a session key packet names, from its first octets (RFC 9580, 5.1); undefined when it names none. */
function recipientOf(body: Buffer): string | undefined {
  if (body[0] === 3) return body.length > 10 ? toHex(body.subarray(1, 9)) : undefined;
  const [, length = 0, keyVersion] = body;
  if (length === 0) return WILDCARD;
  if (body.length < 2 + length) return undefined;
  const fingerprint = body.subarray(3, 2 + length);
  if (keyVersion === 4 && fingerprint.length === 20) return toHex(fingerprint.subarray(-8));
  if (keyVersion === 6 && fingerprint.length === 32) return toHex(fingerprint.subarray(0, 8));
  return undefined;
}
