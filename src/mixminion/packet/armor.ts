// ASCII armor: how messages, reply blocks and key rings travel as text. Octets in, octets out, because a plain text
// message may hold any octet from 80 up and must come through unchanged.

import { asBuffer } from '../../base/bytes.ts';
import { ParseError } from './errors.ts';

const LINE = 64; // base64 characters, 48 octets
const MAX_TEXT = 64 * 1024 * 1024; // octets
const MAX_BLOCKS = 4096;
const MAX_HEADERS = 64;

export type ArmorName = 'TYPE III ANONYMOUS MESSAGE' | 'TYPE III REPLY BLOCK' | 'TYPE III KEYRING';

export interface ArmorBlock {
  /** In the order they stand; of several with one name, the last counts. */
  readonly headers: ReadonlyMap<string, string>;
  /** As it stands between the blank line and the END line: give it to `readText` or `readBase64`. */
  readonly body: Buffer;
}

/** The lines of base64 that make a body: 64 characters each.   spec: mixminion-e2e 8.1 */
export function writeBase64(octets: Uint8Array): Buffer {
  const digits = asBuffer(octets).toString('base64');
  const lines: string[] = [];
  for (let at = 0; at < digits.length; at += LINE) lines.push(`${digits.slice(at, at + LINE)}\n`);
  return Buffer.from(lines.join(''), 'latin1');
}

/** A text as a body: a leading `-` is kept from looking like an END line, the last line gets its end.   spec: mixminion-e2e 8.1 */
export function writeText(text: Uint8Array): Buffer {
  const escaped = asBuffer(text)
    .toString('latin1')
    .replace(/(^|\n)-/g, '$1- -');
  return Buffer.from(escaped.endsWith('\n') ? escaped : `${escaped}\n`, 'latin1');
}

/** One block around a body from `writeBase64` or `writeText`.   spec: mixminion-e2e 8.1 */
export function writeArmor(name: ArmorName, headers: Iterable<readonly [string, string]>, body: Uint8Array): Buffer {
  const lines = Array.from(headers, ([key, value]) => `${key}: ${value}\n`);
  const before = Buffer.from(`-----BEGIN ${name}-----\n${lines.join('')}\n`, 'latin1');
  return Buffer.concat([before, body, Buffer.from(`-----END ${name}-----\n`, 'latin1')]);
}

/**
 * Every block of that name in a text; what lies around them, blocks of other names too, is passed over. ParseError
 * when a block does not end or a header line is malformed.   spec: mixminion-e2e 8.2
 */
export function readArmor(text: Uint8Array, name: ArmorName): ArmorBlock[] {
  if (text.byteLength > MAX_TEXT) throw new ParseError('too-long', `a text is read up to ${MAX_TEXT} octets`);
  const letters = asBuffer(text).toString('latin1');
  const begin = markerLine('BEGIN', name);
  const end = markerLine('END', name);
  const blocks: ArmorBlock[] = [];
  for (let opened = begin.exec(letters); opened !== null; opened = begin.exec(letters)) {
    if (blocks.length === MAX_BLOCKS) throw new ParseError('too-long', `a text is read up to ${MAX_BLOCKS} blocks`);
    end.lastIndex = begin.lastIndex;
    const closed = end.exec(letters);
    if (closed === null) throw new ParseError('armor', `a block begins and its line END ${name} is missing`);
    blocks.push(parseBlock(letters.slice(begin.lastIndex + 1, closed.index + 1)));
    begin.lastIndex = end.lastIndex;
  }
  return blocks;
}

/**
 * Where the first block of that name ends: the offset behind its END line. Undefined when there is no block, or it does
 * not end.
 */
export function endOfFirstBlock(text: Uint8Array, name: ArmorName): number | undefined {
  const letters = asBuffer(text).toString('latin1');
  const end = markerLine('END', name);
  const opened = markerLine('BEGIN', name).exec(letters);
  if (opened === null) return undefined;
  end.lastIndex = opened.index + opened[0].length;
  return end.exec(letters) === null ? undefined : Math.min(letters.length, end.lastIndex + 1);
}

/** The text that a body holds. Its last line end stays, a CR in front of it too.   spec: mixminion-e2e 8.2 */
export function readText(body: Uint8Array): Buffer {
  return Buffer.from(
    asBuffer(body)
      .toString('latin1')
      .replace(/(^|\n)- /g, '$1'),
    'latin1',
  );
}

/** The octets that a body of base64 holds; ParseError when it is cut or something else.   spec: mixminion-e2e 8.2 */
export function readBase64(body: Uint8Array): Buffer {
  const letters = asBuffer(body).toString('latin1');
  if (/(^|\n)\[\.\.\.\]/.test(letters)) throw new ParseError('armor', 'a gateway has cut this text short');
  const digits = letters.replace(/[ \t\r\n]+/g, '');
  if (digits.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(digits)) {
    throw new ParseError('armor', 'the body is not base64');
  }
  return Buffer.from(digits, 'base64');
}

/** Finds a marker that fills a line, up to but not with its line end. A CR alone ends no line. */
function markerLine(word: 'BEGIN' | 'END', name: ArmorName): RegExp {
  return new RegExp(`(?:^|\\n)-----${word} ${name}-----[ \\t]*\\r?(?=\\n|$)`, 'g');
}

function parseBlock(inside: string): ArmorBlock {
  const headers = new Map<string, string>();
  let at = 0;
  while (at < inside.length) {
    const next = inside.indexOf('\n', at) + 1 || inside.length;
    const line = inside.slice(at, next).replace(/\r?\n$/, '');
    at = next;
    if (line.trim() === '') break;
    if (!line.includes(':')) continue; // a text whose blank line is missing loses its lines here, as in the original
    const [, key, value] = /^([^\s:]+): (.*)$/s.exec(line) ?? [];
    if (key === undefined || value === undefined) throw new ParseError('armor', 'a header line is not "Key: value"');
    headers.set(key, value);
    if (headers.size > MAX_HEADERS) throw new ParseError('armor', `a block has up to ${MAX_HEADERS} headers`);
  }
  return { headers, body: Buffer.from(inside.slice(at), 'latin1') };
}
