// What is said in IMDP around the message itself: the client's words, verdicts, results. Pure.   spec: ima 2.3, 2.14

import { asBuffer } from '../../base/bytes.ts';
import { WireError } from '../errors.ts';
import { isAddress } from './names.ts';

/** Octets of one line of a server, without its LF. Handlers' lines are cut to this.   spec: ima 2.3 */
export const REPLY_LIMIT = 4096;

export const IMDP_WORDS = ['DATA', 'CANCEL', 'DONE'] as const;
export type ImdpWord = (typeof IMDP_WORDS)[number];

export const REASONS = ['SYNTAX', 'SENDER', 'SIZE', 'NORECIPIENT', 'POLICY', 'BUSY'] as const;
export type Reason = (typeof REASONS)[number];

export type Verdict =
  | { readonly verdict: 'accept' }
  | { readonly verdict: 'reject'; readonly reason: Reason; readonly text: string };

export const FINALS = ['OK', 'FAIL', 'PARTIAL'] as const;
export type Final = (typeof FINALS)[number];

export type Result =
  | { readonly kind: 'final'; readonly final: Final }
  | { readonly kind: 'ok'; readonly address: string }
  | { readonly kind: 'fail'; readonly address: string; readonly text: string }
  | { readonly kind: 'no-recipient'; readonly addresses: readonly string[] }
  | { readonly kind: 'note'; readonly text: string };

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const CONTROL = /[\x00-\x1f\x7f]/g;
const textForm = /^[\x20-\x7e\u{80}-\u{10ffff}]+$/u;

/** Undefined for a line that is none of the three words. */
export function parseWord(line: string): ImdpWord | undefined {
  return IMDP_WORDS.find((word) => word === line.toUpperCase());
}

/** Throws WireError. */
export function parseVerdict(line: string): Verdict {
  if (line.toUpperCase() === 'ACCEPT') return { verdict: 'accept' };
  const [word, named, text] = words(line, 2);
  const reason = REASONS.find((known) => known === named?.toUpperCase());
  if (word?.toUpperCase() !== 'REJECT' || reason === undefined || !isTail(text))
    throw new WireError('the verdict is neither ACCEPT nor REJECT');
  return { verdict: 'reject', reason, text: text ?? '' };
}

export function formatVerdict(verdict: Verdict): string {
  if (verdict.verdict === 'accept') return 'ACCEPT';
  return verdict.text === '' ? `REJECT ${verdict.reason}` : `REJECT ${verdict.reason} ${verdict.text}`;
}

/** A line of no known form is a note.   spec: ima 2.3. Throws WireError for what is no text at all. */
export function parseResult(line: string): Result {
  if (!textForm.test(line)) throw new WireError('a line of the result is no text');
  const final = FINALS.find((known) => known === line.toUpperCase());
  if (final !== undefined) return { kind: 'final', final };
  const [word = '', first = '', text] = words(line, 2);
  switch (word.toUpperCase()) {
    case 'OK':
      if (isAddress(first) && text === undefined) return { kind: 'ok', address: first };
      break;
    case 'FAIL':
      if (isAddress(first) && isTail(text)) return { kind: 'fail', address: first, text: text ?? '' };
      break;
    case 'NORECIPIENT': {
      const addresses = line.split(' ').slice(1);
      if (addresses.length > 0 && addresses.every(isAddress)) return { kind: 'no-recipient', addresses };
      break;
    }
    case 'NOTE':
      if (line.length > 5) return { kind: 'note', text: line.slice(5) };
      break;
    default:
  }
  return { kind: 'note', text: line };
}

/** Without the LF. */
export function formatResult(result: Result): string {
  switch (result.kind) {
    case 'final':
      return result.final;
    case 'ok':
      return `OK ${result.address}`;
    case 'fail':
      return result.text === '' ? `FAIL ${result.address}` : `FAIL ${result.address} ${result.text}`;
    case 'no-recipient':
      return `NORECIPIENT ${result.addresses.join(' ')}`;
    case 'note':
      return `NOTE ${result.text}`;
  }
}

/**
 * A handler's line as it goes over the wire: unchanged but for control characters, its length, and a bare final word.
 * spec: ima 2.3
 */
export function relayedLine(octets: Uint8Array): string {
  const text = clean(octets);
  return FINALS.some((final) => final === text.toUpperCase()) ? `NOTE ${text}` : text;
}

/**
 * The same for a line of one recipient's command, which may not speak for another recipient.   spec: ima 2.3
 */
export function recipientLine(octets: Uint8Array): string {
  const text = clean(octets);
  return /^(?:OK|FAIL|PARTIAL|NORECIPIENT)(?: |$)/i.test(text) ? cut(`NOTE ${text}`) : text;
}

function clean(octets: Uint8Array): string {
  return cut(asBuffer(octets).toString('utf8').replace(CONTROL, '?'));
}

/** At most REPLY_LIMIT octets, and no half of a character at the end. */
function cut(text: string): string {
  if (Buffer.byteLength(text) <= REPLY_LIMIT) return text;
  const octets = Buffer.from(text);
  let end = REPLY_LIMIT;
  while (((octets[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return octets.toString('utf8', 0, end);
}

/** The first `count` words, and what is left behind them. */
function words(line: string, count: number): (string | undefined)[] {
  const found: (string | undefined)[] = [];
  let at = 0;
  while (found.length < count && at >= 0) {
    const space = line.indexOf(' ', at);
    found.push(line.slice(at, space < 0 ? undefined : space));
    at = space < 0 ? -1 : space + 1;
  }
  while (found.length < count) found.push(undefined);
  return [...found, at < 0 ? undefined : line.slice(at)];
}

function isTail(text: string | undefined): boolean {
  return text === undefined || textForm.test(text);
}
