// What a nymholder sees of a mail before he fetches it: chosen headers and the beginning of the text. And the sets in which synopses
// are sealed and sent.   spec: mixminion-nym 4.2, 4.4

import { NymError } from './errors.ts';
import { ID_LENGTH } from './messages/frames.ts';
import { counted, FieldReader } from './messages/octets.ts';
import { MAX_SET } from './messages/to-holder.ts';

/** Octets of one header line, with its name, and of the text. */
const MAX_HEADER = 80;
const MAX_TEXT = 128;
const LF = 0x0a;

const SHOWN: ReadonlySet<string> = new Set([
  'cc',
  'date',
  'from',
  'in-reply-to',
  'message-id',
  'references',
  'subject',
  'to',
  'x-anonymous',
  'x-spam-level',
]);

export interface MailHeader {
  /** As it stands in the mail. */
  readonly name: string;
  /** Unfolded. */
  readonly value: string;
}

/** The header fields of a mail in their order, and where its text begins. Lines may end in LF or CR LF; what is no field is passed over. */
export function splitMail(mail: Buffer): { headers: MailHeader[]; text: Buffer } {
  const headers: { name: string; value: string }[] = [];
  let at = 0;
  while (at < mail.length) {
    const end = mail.indexOf(LF, at);
    const line = mail.toString('latin1', at, end < 0 ? mail.length : end).replace(/\r$/, '');
    at = end < 0 ? mail.length : end + 1;
    if (line === '') break;
    const last = headers.at(-1);
    const [, name, value] = /^([!-9;-~]+)[ \t]*:(.*)$/s.exec(line) ?? [];
    if (/^[ \t]/.test(line)) {
      if (last) last.value += line;
    } else if (name !== undefined && value !== undefined) headers.push({ name, value: value.trimStart() });
  }
  return { headers, text: mail.subarray(at) };
}

/** Lines end in LF; shorter than 2000 octets. `size` is that of the whole mail.   spec: mixminion-nym 4.2 */
export function writeSynopsis(mail: Buffer): Buffer {
  const { headers, text } = splitMail(mail);
  const [received] = headers.filter(({ name }) => name.toLowerCase() === 'received');
  const shown = headers.filter((header) => header === received || isFirstShown(header, headers));
  const lines = shown.map(({ name, value }) => `${name}: ${value}`.slice(0, MAX_HEADER));
  const head = [...lines, `X-Octets: ${mail.length}`, '', ''].join('\n');
  return Buffer.concat([Buffer.from(head, 'latin1'), toLf(text).subarray(0, MAX_TEXT)]);
}

/** A field that stands there again and again would make the synopsis as long as one likes. */
function isFirstShown(header: MailHeader, all: readonly MailHeader[]): boolean {
  const name = header.name.toLowerCase();
  return SHOWN.has(name) && all.find((other) => other.name.toLowerCase() === name) === header;
}

/** The first lines of a text, enough of them for a synopsis. */
function toLf(text: Buffer): Buffer {
  return Buffer.from(text.toString('latin1', 0, 2 * MAX_TEXT).replaceAll('\r\n', '\n'), 'latin1');
}

export interface Synopsis {
  /** Of the mail, 20 octets. */
  readonly id: Buffer;
  readonly text: Buffer;
}

/** At most 16 synopses, oldest first. Throws NymError `field`.   spec: mixminion-nym 4.4 */
export function writeSynopses(set: readonly Synopsis[]): Buffer {
  if (set.length > MAX_SET) throw new NymError('field', `a set has at most ${MAX_SET} synopses`);
  return Buffer.concat(set.flatMap(({ id, text }) => [id, counted(2, text)]));
}

/** Throws NymError `message` for what is no set. */
export function readSynopses(octets: Buffer): Synopsis[] {
  const reader = new FieldReader(octets);
  const set: Synopsis[] = [];
  while (reader.left > 0) {
    if (set.length === MAX_SET) throw new NymError('message', `a set has at most ${MAX_SET} synopses`);
    set.push({ id: reader.take(ID_LENGTH), text: reader.take(reader.uint(2)) });
  }
  return set;
}

/** Bit n is set when the mail of the nth synopsis is still there.   spec: mixminion-nym 3 */
export function validBits(ids: readonly Buffer[], isThere: (id: Buffer) => boolean): number {
  return ids.reduce((bits, id, place) => bits | (isThere(id) ? 1 << place : 0), 0);
}
