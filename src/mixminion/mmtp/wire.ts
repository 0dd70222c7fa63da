// The words of MMTP inside TLS, from octets to values and back; pure, for both sides.   spec: mixminion-mmtp 2, 3

import { equalBytes } from '../../base/bytes.ts';
import { sha1 } from '../../crypto/hash.ts';
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
const MAX_VERSION_LINE = 4096;

const CONTROL_LENGTH = 6;

/** A packet to deliver, or padding to throw away. */
export interface Unit {
  readonly kind: 'SEND' | 'JUNK';
  /** 32768 octets. */
  readonly body: Uint8Array;
}

export type Answer = 'RECEIVED' | 'REJECTED';

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

/** The octets of a unit. The body must have 32768 of them: RangeError otherwise. */
export function writeUnit({ kind, body }: Unit): Buffer {
  if (body.byteLength !== BODY_LENGTH) throw new RangeError(`a body has ${BODY_LENGTH} octets, not ${body.byteLength}`);
  return Buffer.concat([Buffer.from(`${kind}\r\n`, 'latin1'), body, hashOf(body, kind)], UNIT_LENGTH);
}

/** Reads 32794 octets. Throws MmtpError `mmtp-protocol` for another length, an unknown word or a wrong hash. */
export function readUnit(octets: Buffer): Unit {
  if (octets.length !== UNIT_LENGTH) throw protocol(`a unit has ${UNIT_LENGTH} octets`);
  const control = octets.toString('latin1', 0, CONTROL_LENGTH);
  const kind = control === 'SEND\r\n' ? 'SEND' : control === 'JUNK\r\n' ? 'JUNK' : undefined;
  if (kind === undefined) throw protocol('a unit begins with an unknown word');
  const body = octets.subarray(CONTROL_LENGTH, CONTROL_LENGTH + BODY_LENGTH);
  if (!equalBytes(octets.subarray(CONTROL_LENGTH + BODY_LENGTH), hashOf(body, kind)))
    throw protocol('the hash of a unit is wrong');
  return { kind, body };
}

/** The octets of the answer to a unit. Padding is only ever received. */
export function writeAnswer(answer: Answer, { kind, body }: Unit): Buffer {
  const hashed = kind === 'JUNK' ? `${answer} JUNK` : answer; // the word on the wire is the same
  return Buffer.concat([Buffer.from(`${answer}\r\n`, 'latin1'), hashOf(body, hashed)], ANSWER_LENGTH);
}

/** What the peer may answer to one unit: kept instead of the unit itself while the answer is awaited. */
export interface ExpectedAnswers {
  readonly received: Buffer;
  /** Padding cannot be rejected. */
  readonly rejected: Buffer | undefined;
}

export function expectedAnswers(unit: Unit): ExpectedAnswers {
  return {
    received: writeAnswer('RECEIVED', unit),
    rejected: unit.kind === 'SEND' ? writeAnswer('REJECTED', unit) : undefined,
  };
}

/** Which of the expected answers 30 octets are. Throws MmtpError `mmtp-protocol` for anything else. */
export function readAnswer(octets: Uint8Array, { received, rejected }: ExpectedAnswers): Answer {
  if (equalBytes(octets, received)) return 'RECEIVED';
  if (rejected !== undefined && equalBytes(octets, rejected)) return 'REJECTED';
  throw protocol('the answer is not to the oldest packet that waits for one');
}

function hashOf(body: Uint8Array, word: string): Buffer {
  return sha1(body, Buffer.from(word, 'latin1'));
}

function protocol(message: string): MmtpError {
  return new MmtpError('mmtp-protocol', message);
}
