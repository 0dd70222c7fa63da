// A passphrase is all that stands between a key and whoever asks its server for the xzibit: it must not be guessed.
// The estimate is that of a guesser who knows how people make passphrases, and is meant to err on the low side.   spec: cmtp 3, 9 D22

import { type Random, randomInt } from '../../base/random.ts';
import { ClientError } from './errors.ts';

const NEEDED_BITS = 60;
/** No vowels, and nothing that looks like something else. */
const LETTERS = '23456789bcdfghjkmnpqrstvwxz';
const GROUPS = 4;
const GROUP = 5;

const LETTER_BITS = 2.2; // in a word: the rest of a word follows from its beginning
const WORD_BITS = 9;
const SHORT_LETTER_BITS = 4.7;
const DIGIT_BITS = 3.3;
const OTHER_BITS = 4;
const CAPITAL_BITS = 1;

/** Throws ClientError `weak` when it is worth fewer than 60 bits. */
export function checkPassphrase(passphrase: string): void {
  if (passphrase.includes('\0') || passphrase.includes('\n')) {
    throw new ClientError('weak', 'a passphrase is one line'); // spec: cmtp 3
  }
  const bits = passphraseBits(passphrase);
  if (bits >= NEEDED_BITS) return;
  throw new ClientError('weak', `this passphrase is worth about ${Math.floor(bits)} bits; ${NEEDED_BITS} are needed`, {
    remedy: 'take six words that do not belong together, or let one be made: --generate',
  });
}

/** A passphrase of 95 bits, in groups that can be typed. */
export function makePassphrase(random: Random): string {
  const group = () => Array.from({ length: GROUP }, () => LETTERS[randomInt(random, LETTERS.length)]).join('');
  return Array.from({ length: GROUPS }, group).join('-');
}

/** What a guesser would have to try, as a power of two. Repeated and counted-up parts are worth nothing. */
export function passphraseBits(passphrase: string): number {
  const seen = new Set<string>();
  let bits = 0;
  for (const [part] of passphrase.normalize('NFC').matchAll(/\p{L}+|\p{N}+|[^\p{L}\p{N}]+/gu)) {
    const lower = part.toLowerCase();
    if (seen.has(lower)) continue;
    seen.add(lower);
    bits += partBits(part, withoutRuns(lower));
  }
  return bits;
}

function partBits(part: string, length: number): number {
  if (/^\p{N}/u.test(part)) return length * DIGIT_BITS;
  if (!/^\p{L}/u.test(part)) return length * OTHER_BITS;
  const capitals = /^.?\p{Ll}*$/u.test(part) ? 0 : CAPITAL_BITS;
  const letters = length < 3 ? length * SHORT_LETTER_BITS : Math.max(WORD_BITS, length * LETTER_BITS);
  return letters + capitals;
}

/** How many of its characters do not follow from the one before, as `aaaa`, `4321` and `abcd` do. */
function withoutRuns(part: string): number {
  const codes = [...part].map((letter) => letter.codePointAt(0) ?? 0);
  return codes.filter((code, at) => at === 0 || Math.abs(code - (codes[at - 1] ?? 0)) > 1).length;
}
