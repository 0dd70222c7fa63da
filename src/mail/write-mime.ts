// Writes MIME messages (RFC 5322, 2045–2047, 2231): fields, a text, other parts. What a field or a file name holds cannot
// break out of its place.

import { asBuffer, toHex } from '../base/bytes.ts';
import type { Random } from '../base/random.ts';

const CRLF = '\r\n';
const BASE64_LINE = 76;
const ENCODED_WORD_OCTETS = 42; // 56 base64 digits: an encoded word stays under its limit of 75

export interface Part {
  /** Of the form `type/subtype`. */
  readonly type: string;
  readonly content: Uint8Array;
  /** With a name it is an attachment. */
  readonly name?: string;
  /** Its content is lines of printable ASCII already and is put in as it is, octet for octet. */
  readonly bare?: boolean;
}

/** A message of many parts: the header fields in order, the text, the other parts. CRLF at all line ends. */
export function writeMime(
  fields: readonly (readonly [name: string, value: string])[],
  text: string,
  parts: readonly Part[],
  random: Random,
  type = 'multipart/mixed',
): Buffer {
  const boundary = `=_${toHex(random.bytes(16))}`;
  const head = [
    ...fields.map(([name, value]) => `${name}: ${encodeField(value)}`),
    'MIME-Version: 1.0',
    `Content-Type: ${type}; boundary="${boundary}"`,
  ];
  const lines = text.replace(/\r\n?|\n/g, CRLF);
  const sections: (string | Uint8Array)[] = [`${head.join(CRLF)}${CRLF}${CRLF}`];
  sections.push(`--${boundary}${CRLF}Content-Type: text/plain; charset=utf-8${CRLF}`);
  sections.push(`Content-Transfer-Encoding: base64${CRLF}${CRLF}`, base64Lines(Buffer.from(lines)));
  for (const part of parts) sections.push(`--${boundary}${CRLF}`, writePart(part));
  sections.push(`--${boundary}--${CRLF}`);
  return Buffer.concat(sections.map((section) => (typeof section === 'string' ? Buffer.from(section) : section)));
}

/** The value of a Date field, always in UTC: the writer's time zone is nobody's business. */
export function mailDate(time: number): string {
  return new Date(time).toUTCString().replace('GMT', '+0000');
}

function writePart({ type, content, name, bare }: Part): Buffer {
  if (bare) {
    return Buffer.concat([Buffer.from(`Content-Type: ${type}${CRLF}${CRLF}`), content, Buffer.from(CRLF)]);
  }
  const head = [`Content-Type: ${type}`, 'Content-Transfer-Encoding: base64'];
  if (name !== undefined) head.push(`Content-Disposition: attachment; ${fileName(name)}`);
  return Buffer.from(`${head.join(CRLF)}${CRLF}${CRLF}${base64Lines(content)}`);
}

/** RFC 2231 for a name that is not plain ASCII. */
function fileName(name: string): string {
  return /^[\x20-\x7e]*$/.test(name)
    ? `filename="${name.replace(/["\\]/g, '\\$&')}"`
    : `filename*=utf-8''${encodeURIComponent(name.toWellFormed()).replace(/['()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16)}`)}`;
}

function base64Lines(content: Uint8Array): string {
  const digits = asBuffer(content).toString('base64');
  return digits.replace(new RegExp(`.{1,${BASE64_LINE}}`, 'g'), `$&${CRLF}`);
}

/** RFC 2047 for a value that is not plain ASCII. Line ends and other control characters become spaces. */
function encodeField(value: string): string {
  const line = value.replace(/\p{Cc}+/gu, ' ').trim();
  if (/^[\x20-\x7e]*$/.test(line) && !line.includes('=?')) return line;
  const words: string[] = [];
  let word = '';
  for (const character of line.toWellFormed()) {
    if (Buffer.byteLength(word + character) > ENCODED_WORD_OCTETS) {
      words.push(word);
      word = '';
    }
    word += character;
  }
  return [...words, word].map((part) => `=?utf-8?B?${Buffer.from(part).toString('base64')}?=`).join(`${CRLF} `);
}
