// The words of MMTP inside TLS, from octets to values and back; pure, for both sides.   spec: mixminion-mmtp 2, 3

import { createHash } from 'node:crypto';
import { equalBytes } from '../../base/bytes.ts';
import { MmtpError } from './errors.ts';

/** The one version that is spoken. */
export const VERSION = '0.3';
/** Octets of a packet, and of the junk of a padding unit. */
export const BODY_LENGTH = 32_768;
/** Octets of what the client sends at a time: control word, body, hash. */
export const UNIT_LENGTH = 32_794;
/** Octets of an answer: word and hash. */
export const ANSWER_LENGTH = 30;
/** Octets of a line with versions, CRLF included. */
export const MAX_VERSION_LINE = 4096;
/** Octets of the word that a unit begins with, its CRLF included. */
export const CONTROL_LENGTH = 6;

/** A packet to deliver, or padding to throw away. */
export interface Unit {
  readonly kind: 'SEND' | 'JUNK';
  /** 32768 octets. */
  readonly body: Uint8Array;
}

export type Answer = 'RECEIVED' | 'REJECTED';

/** A unit whose body was hashed once: the hash with each word behind it then costs next to nothing. */
export interface HashedUnit extends Unit {
  /** SHA-1 of the body and this word. */
  hashWith(word: string): Buffer;
}

/** Hashes the body of a unit. */
export function hashed({ kind, body }: Unit): HashedUnit {
  const begun = createHash('sha1').update(body);
  return { kind, body, hashWith: (word) => begun.copy().update(word, 'latin1').digest() };
}

/** The line with which a client offers versions and a server names the one it chose. */
export function writeVersions(versions: readonly string[]): Buffer {
  return Buffer.from(`MMTP ${versions.join(',')}\r\n`, 'latin1');
}

/**
 * The versions in a line, its CRLF included. A line that ends in LF alone, or has a blank behind a comma, is none:
 * throws MmtpError `mmtp-protocol`.
 */
export function readVersions(line: Uint8Array): string[] {
  const text = line.length <= MAX_VERSION_LINE ? Buffer.from(line).toString('latin1') : '';
  const [, versions] = /^MMTP ([^ \r\n]+)\r\n$/.exec(text) ?? [];
  if (versions === undefined) throw protocol('the peer does not begin with "MMTP" and its versions');
  return versions.split(',');
}

/** The octets of a unit, written into `target` when it is given. The body must have 32768 of them: RangeError otherwise. */
export function writeUnit(unit: Unit | HashedUnit, target = Buffer.allocUnsafe(UNIT_LENGTH)): Buffer {
  const { kind, body } = unit;
  if (body.byteLength !== BODY_LENGTH) throw new RangeError(`a body has ${BODY_LENGTH} octets, not ${body.byteLength}`);
  target.write(`${kind}\r\n`, 'latin1');
  target.set(body, CONTROL_LENGTH);
  target.set(withHash(unit).hashWith(kind), CONTROL_LENGTH + BODY_LENGTH);
  return target;
}

/** Reads 32794 octets. Throws MmtpError `mmtp-protocol` for another length, an unknown word or a wrong hash. */
export function readUnit(octets: Buffer): Unit {
  if (octets.length !== UNIT_LENGTH) throw protocol(`a unit has ${UNIT_LENGTH} octets`);
  const kind = readControl(octets.subarray(0, CONTROL_LENGTH));
  if (kind === undefined) throw protocol('a unit begins with an unknown word');
  const { unit, fits } = readBody(kind, octets.subarray(CONTROL_LENGTH));
  if (!fits) throw protocol('the hash of a unit is wrong');
  return { kind, body: unit.body };
}

/** What the word of 6 octets at the beginning of a unit says that it is. */
export function readControl(octets: Buffer): Unit['kind'] | undefined {
  const control = octets.toString('latin1');
  return control === 'SEND\r\n' ? 'SEND' : control === 'JUNK\r\n' ? 'JUNK' : undefined;
}

/** The 32788 octets behind that word: a body, and whether the hash behind it fits. */
export function readBody(kind: Unit['kind'], octets: Buffer): { readonly unit: HashedUnit; readonly fits: boolean } {
  const unit = hashed({ kind, body: octets.subarray(0, BODY_LENGTH) });
  return { unit, fits: equalBytes(octets.subarray(BODY_LENGTH), unit.hashWith(kind)) };
}

/** The octets of the answer to a unit. Padding is only ever received. */
export function writeAnswer(answer: Answer, unit: Unit | HashedUnit): Buffer {
  const word = unit.kind === 'JUNK' ? `${answer} JUNK` : answer; // the word on the wire is the same
  return Buffer.concat([Buffer.from(`${answer}\r\n`, 'latin1'), withHash(unit).hashWith(word)], ANSWER_LENGTH);
}

/** What the peer may answer to one unit: kept instead of the unit itself while the answer is awaited. */
export interface ExpectedAnswers {
  readonly received: Buffer;
  /** Padding cannot be rejected. */
  readonly rejected: Buffer | undefined;
}

export function expectedAnswers(unit: Unit | HashedUnit): ExpectedAnswers {
  const known = withHash(unit);
  return {
    received: writeAnswer('RECEIVED', known),
    rejected: unit.kind === 'SEND' ? writeAnswer('REJECTED', known) : undefined,
  };
}

/** Which of the expected answers 30 octets are. Throws MmtpError `mmtp-protocol` for anything else. */
export function readAnswer(octets: Uint8Array, { received, rejected }: ExpectedAnswers): Answer {
  if (equalBytes(octets, received)) return 'RECEIVED';
  if (rejected !== undefined && equalBytes(octets, rejected)) return 'REJECTED';
  throw protocol('the answer is not to the oldest packet that waits for one');
}

function withHash(unit: Unit | HashedUnit): HashedUnit {
  return 'hashWith' in unit ? unit : hashed(unit);
}

function protocol(message: string): MmtpError {
  return new MmtpError('mmtp-protocol', message);
}
