// An IMA message: a block of headers, an empty line, and data of exactly the announced size. Reads and writes the block. Pure.
// spec: ima 2.2, 2.14

import { WireError } from '../errors.ts';
import { hostOf, isAddress, readNumber, splitAddresses } from './names.ts';
import { type PartHead, parsePart } from './parts.ts';

/** Octets of the whole block, its empty line included. */
export const BLOCK_LIMIT = 64 * 1024;
/** Octets of one line without its LF. */
export const LINE_LIMIT = 8192;
const MAX_PARTS = 200;

const LF = 0x0a;
const nameForm = /^[a-z][a-z0-9-]{0,39}$/;
const valueForm = /^[\t\x20-\x7e\u{80}-\u{10ffff}]*$/u;
const idForm = /^[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}@(.+)$/;
const dateForm = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})Z$/;
const REPEATED = new Set(['part', 'received']);

export interface Header {
  readonly name: string;
  readonly value: string;
}

/** A block that was found to keep all rules. */
export interface Head {
  /** All headers as they stand there, in order. */
  readonly headers: readonly Header[];
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly date: number;
  readonly from: string;
  readonly mailer: string | undefined;
  readonly to: readonly string[];
  readonly cc: readonly string[];
  readonly bcc: readonly string[];
  /** One at least: a message without `part` headers is one text. */
  readonly parts: readonly PartHead[];
  /** Octets of the data. */
  readonly size: number;
}

/** Reads a block with its empty line. Throws WireError for whatever breaks a rule. */
export function parseHead(block: Uint8Array): Head {
  if (block.byteLength > BLOCK_LIMIT) throw new WireError(`the headers are longer than ${BLOCK_LIMIT} octets`);
  const lines = textOf(block).split('\n');
  if (lines.length < 3 || lines.at(-1) !== '' || lines.at(-2) !== '')
    throw new WireError('the headers do not end with an empty line');
  return headOf(lines.slice(0, -2).map(parseLine));
}

/** The block of these headers with its empty line. Throws WireError where the reader of it would. */
export function formatBlock(headers: readonly Header[]): Buffer {
  const block = Buffer.from(`${headers.map(({ name, value }) => `${name}: ${value}\n`).join('')}\n`);
  parseHead(block);
  return block;
}

/** The first value of a header; undefined when it is not there. */
export function headerOf({ headers }: Pick<Head, 'headers'>, name: string): string | undefined {
  return headers.find((header) => header.name === name)?.value;
}

/** Who is responsible for the sending: what certificates are compared with.   spec: ima 1.4, 2.3 */
export function senderOf({ mailer, from }: Head): string {
  return mailer ?? from;
}

/** All who are to have it, in the order of the headers; an address may stand there twice. */
export function recipientsOf({ to, cc, bcc }: Head): string[] {
  return [...to, ...cc, ...bcc];
}

/** Where the block ends in `octets`: the place behind its empty line; undefined when that is not there yet. */
export function endOfBlock(octets: Uint8Array): number | undefined {
  for (let at = octets.indexOf(LF); at >= 0; at = octets.indexOf(LF, at + 1)) {
    if (octets[at + 1] === LF) return at + 2;
  }
  return undefined;
}

/** RFC 3339 in UTC, to the second. */
export function formatDate(time: number): string {
  return `${new Date(time).toISOString().slice(0, 19)}Z`;
}

function textOf(block: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(block);
  } catch {
    throw new WireError('the headers are not UTF-8');
  }
}

function parseLine(line: string): Header {
  if (line.length * 3 > LINE_LIMIT && Buffer.byteLength(line) > LINE_LIMIT)
    throw new WireError(`a header is longer than ${LINE_LIMIT} octets`);
  const at = line.indexOf(': ');
  const header = { name: line.slice(0, Math.max(0, at)), value: line.slice(at + 2) };
  if (!nameForm.test(header.name)) throw new WireError('a line is no header');
  if (!valueForm.test(header.value)) throw new WireError(`the value of ${header.name} holds what no value may`);
  return header;
}

function headOf(headers: readonly Header[]): Head {
  const [first] = headers;
  if (first?.name !== 'ima' || first.value !== '1') throw new WireError('the first header is not `ima: 1`');
  if (headers.at(-1)?.name !== 'size') throw new WireError('the last header is not `size`');
  const once = new Map<string, string>();
  for (const { name, value } of headers) {
    if (REPEATED.has(name) || name.startsWith('x-')) continue;
    if (once.has(name)) throw new WireError(`${name} stands there twice`);
    once.set(name, value);
  }
  const from = addressIn(once, 'from') ?? missing('from');
  const mailer = addressIn(once, 'mailer');
  addressesIn(once, 'reply-to');
  const [to, cc, bcc] = [addressesIn(once, 'to'), addressesIn(once, 'cc'), addressesIn(once, 'bcc')];
  if (to.length + cc.length + bcc.length === 0) throw new WireError('there is no recipient');
  const size = readNumber(once.get('size') ?? '') ?? missing('size');
  return {
    headers,
    id: idIn(once, [from, ...(mailer === undefined ? [] : [mailer])]),
    date: dateIn(once),
    from,
    mailer,
    to,
    cc,
    bcc,
    parts: partsIn(headers, size),
    size,
  };
}

function missing(name: string): never {
  throw new WireError(`${name} is missing, or not what it should be`);
}

function addressIn(values: ReadonlyMap<string, string>, name: string): string | undefined {
  const value = values.get(name);
  return value === undefined || isAddress(value) ? value : missing(name);
}

function addressesIn(values: ReadonlyMap<string, string>, name: string): string[] {
  const value = values.get(name);
  return value === undefined ? [] : (splitAddresses(value) ?? missing(name));
}

function idIn(values: ReadonlyMap<string, string>, owners: readonly string[]): string {
  const id = values.get('id') ?? missing('id');
  const host = idForm.exec(id)?.[1]?.toLowerCase();
  return owners.some((owner) => hostOf(owner) === host) ? id : missing('id');
}

function dateIn(values: ReadonlyMap<string, string>): number {
  const date = values.get('date')?.toUpperCase() ?? missing('date');
  const time = dateForm.test(date) ? Date.parse(date) : Number.NaN;
  return Number.isNaN(time) || formatDate(time) !== date ? missing('date') : time; // no 31st of June
}

function partsIn(headers: readonly Header[], size: number): PartHead[] {
  const parts = headers.filter(({ name }) => name === 'part').map(({ value }) => parsePart(value) ?? missing('part'));
  if (parts.length > MAX_PARTS) throw new WireError(`there are more than ${MAX_PARTS} parts`);
  if (parts.length === 0) return [{ size, role: 'body', type: 'text/plain' }]; // spec: ima 2.2
  if (parts.reduce((sum, part) => sum + part.size, 0) !== size)
    throw new WireError('the parts are not as long as `size`');
  const [body, alt] = [parts.findIndex(({ role }) => role === 'body'), parts.findIndex(({ role }) => role === 'alt')];
  if (alt >= 0 && (body < 0 || alt < body)) throw new WireError('an alternative has no body before it');
  return parts;
}
