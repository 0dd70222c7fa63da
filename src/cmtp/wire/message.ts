// A message as it crosses the wire: lengths, envelope, log, body, attachments. Pure; the server reads the same parts off a connection.
// spec: cmtp 5

import { asBuffer } from '../../base/bytes.ts';
import { WireError } from './errors.ts';
import { isName, NAME_LIMIT, type Place, readName, zeroEnded } from './names.ts';

/** Version, count of attachments, lengths of log and body. */
export const LENGTHS_LENGTH = 24;
/** In front of each attachment. */
export const ATTACHMENT_HEAD_LENGTH = 8;

export interface Lengths {
  /** Of the cryptography: 1, or 0 for none. */
  readonly version: number;
  /** How many attachments follow the body. */
  readonly attachments: number;
  readonly logLength: number;
  readonly bodyLength: number;
}

export interface Head extends Lengths {
  readonly to: Place;
  readonly from: Place;
}

export interface Message {
  readonly version: number;
  readonly to: Place;
  readonly from: Place;
  /** NUL-ended lines, which nothing vouches for. */
  readonly log: Buffer;
  /** Version 1: a sealed box. */
  readonly body: Buffer;
  /** Version 1: each a sealed box. */
  readonly attachments: readonly Buffer[];
}

/** What comes in front of the log. Throws WireError `malformed` for a name that cannot be written. */
export function formatHead({ version, attachments, logLength, bodyLength, to, from }: Head): Buffer {
  const lengths = Buffer.alloc(LENGTHS_LENGTH);
  lengths.writeUInt32BE(version, 0);
  lengths.writeUInt32BE(attachments, 4);
  lengths.writeBigUInt64BE(BigInt(logLength), 8);
  lengths.writeBigUInt64BE(BigInt(bodyLength), 16);
  const envelope = [to.account, to.domain, from.account, from.domain].map((name) => {
    if (name !== '' && !isName(name)) throw new WireError('malformed', 'a name that CMTP cannot carry');
    return zeroEnded(name);
  });
  return Buffer.concat([lengths, ...envelope]);
}

/** The octets of an attachment's length. */
export function formatAttachmentHead(length: number): Buffer {
  const head = Buffer.alloc(ATTACHMENT_HEAD_LENGTH);
  head.writeBigUInt64BE(BigInt(length));
  return head;
}

/** A whole message, without the word MAIL. */
export function formatMessage({ version, to, from, log, body, attachments }: Message): Buffer {
  const lengths = { version, attachments: attachments.length, logLength: log.length, bodyLength: body.length };
  const files = attachments.flatMap((file) => [formatAttachmentHead(file.length), file]);
  return Buffer.concat([formatHead({ ...lengths, to, from }), log, body, ...files]);
}

/** The 24 octets that a message begins with. Throws WireError `oversize` for a length above 2^53 - 1.   spec: cmtp 9 D14 */
export function parseLengths(octets: Buffer): Lengths {
  return {
    version: octets.readUInt32BE(0),
    attachments: octets.readUInt32BE(4),
    logLength: parseLength(octets, 8),
    bodyLength: parseLength(octets, 16),
  };
}

/** A u64. Throws WireError `oversize` when it is above 2^53 - 1.   spec: cmtp 9 D14 */
export function parseLength(octets: Buffer, at = 0): number {
  const length = Number(octets.readBigUInt64BE(at));
  if (!Number.isSafeInteger(length)) throw new WireError('oversize', 'a length that no message has');
  return length;
}

/** The four strings of the envelope, without their NULs; undefined when one is no name, or nobody is addressed.   spec: cmtp 9 D15 */
export function parseEnvelope(strings: readonly Uint8Array[]): Pick<Head, 'to' | 'from'> | undefined {
  const [toAccount, toDomain, fromAccount, fromDomain] = strings.map(readName);
  if (toAccount === undefined || !toDomain || fromAccount === undefined || fromDomain === undefined) return undefined;
  return { to: { account: toAccount, domain: toDomain }, from: { account: fromAccount, domain: fromDomain } };
}

/** What `octets` begin with, and how long that is. Throws WireError. */
export function parseHead(octets: Buffer): { readonly head: Head; readonly length: number } {
  if (octets.length < LENGTHS_LENGTH) throw cutShort();
  const lengths = parseLengths(octets);
  const strings: Buffer[] = [];
  let at = LENGTHS_LENGTH;
  while (strings.length < 4) {
    const end = octets.indexOf(0, at);
    if (end < 0 || end - at >= NAME_LIMIT) throw new WireError('malformed', 'a string of the envelope has no end');
    strings.push(octets.subarray(at, end));
    at = end + 1;
  }
  const envelope = parseEnvelope(strings);
  if (envelope === undefined) throw new WireError('malformed', 'the envelope holds what is no name');
  return { head: { ...lengths, ...envelope }, length: at };
}

/** A whole message and nothing behind it. Its parts are views of `octets`. Throws WireError. */
export function parseMessage(octets: Uint8Array): Message {
  const whole = asBuffer(octets);
  const { head, length } = parseHead(whole);
  let at = length;
  const take = (count: number) => {
    if (count > whole.length - at) throw cutShort();
    at += count;
    return whole.subarray(at - count, at);
  };
  const [log, body] = [take(head.logLength), take(head.bodyLength)];
  const attachments: Buffer[] = [];
  while (attachments.length < head.attachments) attachments.push(take(parseLength(take(ATTACHMENT_HEAD_LENGTH))));
  if (at !== whole.length) throw new WireError('malformed', 'there are octets behind the message');
  return { version: head.version, to: head.to, from: head.from, log, body, attachments };
}

function cutShort(): WireError {
  return new WireError('malformed', 'the message ends too early');
}
