// The octets that follow a 271: so many, or base64, or lines of text, the latter two ended by two blank lines.   spec: immp 2.8

import type { Clock } from '../base/time.ts';
import type { Connection } from '../net/connection.ts';
import { Refusal } from './codes.ts';

const BASE64_COLUMNS = 1000;
const LINE_LIMIT = 64 * 1024;
const LF = 0x0a;
const NEWLINE = Buffer.from('\n');
const NOTHING = Buffer.alloc(0);

export interface BlockForm {
  /** Of the octets themselves, whichever way they are written. */
  readonly length?: number;
  readonly base64: boolean;
}

/**
 * The octets of one block, read to its end in at most `timeout` ms, also when it is bad: then throws Refusal 471 at the end.
 * Throws NetError when the end cannot be found.
 */
export function readBlock(
  connection: Connection,
  { length, base64 }: BlockForm,
  clock: Clock,
  timeout: number,
): AsyncGenerator<Buffer, void, void> {
  const until = clock.now() + timeout;
  const lines = (limit: number) => linesTo(connection, limit, () => until - clock.now());
  if (base64) return base64Block(lines(BASE64_COLUMNS + 2), length);
  return length === undefined ? textBlock(lines(LINE_LIMIT)) : connection.stream(length, timeout);
}

async function* base64Block(lines: AsyncIterable<Buffer>, length: number | undefined) {
  let [carried, size, good, ended] = ['', 0, true, false];
  for await (const line of lines) {
    const digits = carried + line.toString('latin1').replace(/\r$/, '');
    if (digits === '') continue; // a blank line alone means nothing
    const whole = digits.length - (digits.length % 4);
    const piece = digits.slice(0, whole);
    carried = digits.slice(whole);
    good &&= !ended && /^[A-Za-z0-9+/]*={0,2}$/.test(piece) && /^[A-Za-z0-9+/]*$/.test(carried);
    ended ||= piece.endsWith('=');
    if (!good) continue;
    const octets = Buffer.from(piece, 'base64');
    size += octets.length;
    yield octets;
  }
  if (!good || carried !== '') throw new Refusal('471', { text: 'Bad data block: not base64' });
  if (length !== undefined && size !== length) throw new Refusal('471', { text: 'Bad data block: not of that length' });
}

async function* textBlock(lines: AsyncIterable<Buffer>) {
  let blank = NOTHING;
  for await (const line of lines) {
    if (isBlank(line)) {
      blank = Buffer.concat([line, NEWLINE]);
    } else {
      yield Buffer.concat([blank, line, NEWLINE]);
      blank = NOTHING;
    }
  }
}

/** Lines without their LF, the last blank one before the two that end the block among them. */
async function* linesTo(connection: Connection, limit: number, timeLeft: () => number) {
  for (let wasBlank = false; ; ) {
    const token = await connection.token([LF], limit, timeLeft());
    if (token === undefined) throw new Refusal('710', { close: true });
    const blank = isBlank(token.octets);
    if (blank && wasBlank) return;
    wasBlank = blank;
    yield token.octets;
  }
}

function isBlank(line: Buffer): boolean {
  return line.length === 0 || (line.length === 1 && line[0] === 0x0d);
}
