// What is inside a message's body once it is open: time, subject, reply address, copies, text.   spec: cmtp 5, 9 D16
// A body that is not of this form is bare text, as the old reference client writes it.

import { ClientError } from './errors.ts';

const NUL = 0;
const TIME = 4;
const LATEST = 0xffffffff;
/** Subject, reply address and each copy, in octets. */
const MAX_FIELD = 4096;
const MAX_COPIES = 1000;

export interface Body {
  /** Seconds since 1970, as the writer says; undefined in bare text. */
  readonly date: number | undefined;
  readonly subject: string;
  /** `account@domain`, or empty. */
  readonly replyTo: string;
  /** For information: each recipient gets a message of his own. */
  readonly copies: readonly string[];
  readonly text: string;
}

/** The plaintext of a body. Throws ClientError `unsendable` when a field holds a NUL or is too long. */
export function writeBody({ date, subject, replyTo, copies, text }: Body): Buffer {
  if (date === undefined) {
    if (text.includes('\0')) throw new ClientError('unsendable', 'a bare text holds no NUL');
    return Buffer.from(text);
  }
  if (copies.length > MAX_COPIES) throw new ClientError('unsendable', `more than ${MAX_COPIES} copies`);
  if (copies.includes('')) throw new ClientError('unsendable', 'a copy is addressed to nobody');
  const time = Buffer.alloc(TIME);
  time.writeUInt32BE(Math.min(LATEST, Math.max(0, Math.floor(date))));
  const list = copies.length === 0 ? Buffer.from([NUL, NUL]) : Buffer.concat([...copies.map(field), Buffer.of(NUL)]);
  return Buffer.concat([time, field(subject), field(replyTo), list, Buffer.from(text)]);
}

/** Reads what `writeBody` wrote, and takes everything else as bare text. Never throws. */
export function readBody(octets: Uint8Array): Body {
  const bare = { date: undefined, subject: '', replyTo: '', copies: [] };
  return parse(Buffer.from(octets)) ?? { ...bare, text: Buffer.from(octets).toString('utf8') };
}

function parse(octets: Buffer): Body | undefined {
  if (octets.length < TIME) return undefined;
  let at = TIME;
  const next = (): string | undefined => {
    const end = octets.indexOf(NUL, at);
    if (end < 0 || end - at > MAX_FIELD) return undefined;
    const text = decode(octets.subarray(at, end));
    at = end + 1;
    return text;
  };
  const [subject, replyTo] = [next(), next()];
  if (subject === undefined || replyTo === undefined) return undefined;
  const copies: string[] = [];
  for (let copy = next(); copy !== ''; copy = next()) {
    if (copy === undefined || copies.length === MAX_COPIES) return undefined;
    copies.push(copy);
  }
  if (copies.length === 0 && octets[at++] !== NUL) return undefined; // no copies: two NULs
  const text = decode(octets.subarray(at));
  return text === undefined ? undefined : { date: octets.readUInt32BE(), subject, replyTo, copies, text };
}

function field(text: string): Buffer {
  if (text.includes('\0')) throw new ClientError('unsendable', 'a header of the message holds a NUL');
  const octets = Buffer.from(`${text}\0`);
  if (octets.length > MAX_FIELD) throw new ClientError('unsendable', `a header is longer than ${MAX_FIELD} octets`);
  return octets;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decode(octets: Uint8Array): string | undefined {
  try {
    return utf8.decode(octets);
  } catch {
    return undefined;
  }
}
