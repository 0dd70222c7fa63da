// The header of a message as octets: its fields in order, the few that a gateway looks at or takes out, and line ends made whole.
// Nothing is decoded; what is not touched stays as it is, so that signatures go on holding.

import { asBuffer } from '../base/bytes.ts';
import { parseMailAddress } from './addresses.ts';

const CR = 0x0d;
const LF = 0x0a;
/** Octets of a header; a message with a longer one is refused. */
export const MAX_HEADER = 256 * 1024;
const MAX_FROM = 16 * 1024;

export interface Field {
  /** In lower case; empty for a line that is no field. */
  readonly name: string;
  /** With its folding and its line end. */
  readonly octets: Buffer;
}

export interface SplitMessage {
  readonly fields: readonly Field[];
  /** From the empty line on, that line included. */
  readonly rest: Buffer;
}

/** `message` with CR LF at its line ends. The rest shares memory with it. */
export function splitMessage(message: Buffer): SplitMessage {
  const fields: Field[] = [];
  let start = 0;
  while (start < message.length && start < MAX_HEADER) {
    if (message[start] === CR && message[start + 1] === LF) break;
    let end = lineEnd(message, start);
    while (message[end] === 0x20 || message[end] === 0x09) end = lineEnd(message, end);
    const octets = message.subarray(start, end);
    const [, name = ''] = /^([!-9;-~]+)[ \t]*:/.exec(octets.subarray(0, 200).toString('latin1')) ?? [];
    fields.push({ name: name.toLowerCase(), octets });
    start = end;
  }
  return { fields, rest: message.subarray(start) };
}

/** What stands behind the colon, unfolded, without the white space around it. */
export function fieldValue({ octets }: Field): string {
  const text = octets.toString('utf8');
  return text
    .slice(text.indexOf(':') + 1)
    .replace(/\r\n(?=[ \t])/g, '')
    .trim();
}

/** The one address in the From field; undefined when there is no such field, or more than one of either. */
export function fromAddress(fields: readonly Field[]): string | undefined {
  const [from, ...more] = fields.filter(({ name }) => name === 'from');
  if (from === undefined || more.length > 0 || from.octets.length > MAX_FROM) return undefined;
  const bare = withoutComments(fieldValue(from));
  const [, inAngles] = /^(?:"(?:[^"\\]|\\.)*"|[^"<>,;:])*<([^<>]*)>\s*$/.exec(bare) ?? [];
  const address = (inAngles ?? bare).trim();
  return parseMailAddress(address) === undefined ? undefined : address;
}

/** Comments in brackets, outside quotation marks, as RFC 5322 nests them. */
function withoutComments(text: string): string {
  let [depth, quoted, kept] = [0, false, ''];
  for (let at = 0; at < text.length; at += 1) {
    const mark = text[at];
    if (mark === '\\' && (quoted || depth > 0)) {
      if (depth === 0) kept += text.slice(at, at + 2);
      at += 1;
    } else if (mark === '"' && depth === 0) {
      quoted = !quoted;
      kept += mark;
    } else if (mark === '(' && !quoted) depth += 1;
    else if (mark === ')' && depth > 0) depth -= 1;
    else if (depth === 0) kept += mark;
  }
  return kept;
}

/** CR LF at every line end, the last one too; a message that has them is returned as it is. */
export function withCrLf(message: Uint8Array): Buffer {
  const octets = asBuffer(message);
  const scan = new LineEnds();
  scan.see(octets);
  if (scan.strict && octets.at(-1) === LF) return octets;
  const text = octets.toString('latin1').replace(/\r\n|\r|\n/g, '\r\n');
  return Buffer.from(text.endsWith('\r\n') ? text : `${text}\r\n`, 'latin1');
}

/** Watches octets go by, in any pieces, for a CR or an LF that stands alone. */
export class LineEnds {
  #strict = true;
  #afterCr = false;

  /** False once there was one, or when the last octet is a CR. */
  get strict(): boolean {
    return this.#strict && !this.#afterCr;
  }

  /** True once there was one; a CR at the end may yet get its LF. */
  get broken(): boolean {
    return !this.#strict;
  }

  see(octets: Uint8Array): void {
    if (!this.#strict || octets.length === 0) return;
    if (this.#afterCr && octets[0] !== LF) this.#strict = false;
    let pairs = !this.#strict ? 0 : this.#afterCr ? 1 : 0;
    if (octets[0] === LF && !this.#afterCr) this.#strict = false;
    for (let at = octets.indexOf(CR); at >= 0; at = octets.indexOf(CR, at + 1)) {
      if (at + 1 < octets.length && octets[at + 1] !== LF) this.#strict = false;
      else if (at + 1 < octets.length) pairs += 1;
    }
    for (let at = octets.indexOf(LF); at >= 0; at = octets.indexOf(LF, at + 1)) pairs -= 1;
    if (pairs !== 0) this.#strict = false;
    this.#afterCr = octets.at(-1) === CR;
  }
}

function lineEnd(octets: Buffer, from: number): number {
  const at = octets.indexOf(LF, from);
  return at < 0 ? octets.length : at + 1;
}
