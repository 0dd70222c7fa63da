// A kind of argument: how a word of a line becomes a value, and back. The simple kinds stand here.   spec: immp 2.1, 2.15

import { asciiUpper } from './ascii.ts';

export interface Kind<T> {
  /** The value of a word as it stands in the line, quotes included; undefined when it is not of this kind. */
  read(word: string): T | undefined;
  /** The word for a value. Whoever writes reads it again, so that what the grammar has no form for is noticed. */
  write(value: T): string;
}

const UTF8 = '\\u{80}-\\u{10FFFF}';
/** Characters that a word without quotes is made of. */
const BARE_CHARACTER = `[\\x21\\x23-\\x3A\\x3C-\\x7E${UTF8}]`;
const BARE = new RegExp(`^(?![+-])${BARE_CHARACTER}+$`, 'u');
const BARE_OR_NOTHING = new RegExp(`^${BARE_CHARACTER}*$`, 'u');
const QUOTED = new RegExp(`^"[\\x20\\x21\\x23-\\x7E${UTF8}]*"$`, 'u');
const UUID = '[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}';

function matching(pattern: string, normal: (word: string) => string = (word) => word): Kind<string> {
  const whole = new RegExp(`^(?:${pattern})$`, 'u');
  return { read: (word) => (whole.test(word) ? normal(word) : undefined), write: (value) => value };
}

function wholeNumber(most: number): Kind<number> {
  const digits = new RegExp(`^[0-9]{1,${most}}$`);
  return { read: (word) => (digits.test(word) ? Number(word) : undefined), write: String };
}

/** A value that may be quoted, and then stands for exactly what is between the quotes. */
export const parameter: Kind<string> = {
  read: (word) => (QUOTED.test(word) ? word.slice(1, -1) : BARE.test(word) ? word : undefined),
  write: (text) => (BARE.test(text) ? text : `"${text}"`),
};

export const uuid = matching(UUID, (word) => word.toLowerCase());
export const pipeId = matching('[A-Za-z0-9_-]{1,16}');
export const method = matching('[A-Za-z0-9.]{1,16}', asciiUpper);
/** Even an odd number of digits: nothing is made of them but a comparison. */
export const cookie = matching('[0-9A-Fa-f]{16,64}', (word) => word.toLowerCase());
/** 40 digits for K1, 64 for K2 and K3. */
export const response = matching('[0-9A-Fa-f]{64}|[0-9A-Fa-f]{40}', (word) => word.toLowerCase());
export const octetCount = wholeNumber(15);
export const lineCount = wholeNumber(9);

/** Flags, in lower case. */
export const flagWords: Kind<readonly string[]> = {
  read: (word) => (/^[A-Za-z]+(?:,[A-Za-z]+)*$/.test(word) ? word.toLowerCase().split(',') : undefined),
  write: (words) => words.join(','),
};

/** `NAME`, `NAME=value`, `NAME+=value` or `NAME-=value`. */
export interface SettingWord {
  /** Upper case. */
  readonly name: string;
  readonly change?: { readonly how: '=' | '+=' | '-='; readonly value: string };
}

export const settingWord: Kind<SettingWord> = {
  read(word) {
    // The name ends as early as it can, so that `BLOCK-=x` takes x off a list.   spec: immp 2.11
    const [, name, how, value = ''] = /^([A-Za-z][A-Za-z0-9-]*?)(?:(=|\+=|-=)(.*))?$/su.exec(word) ?? [];
    if (name === undefined) return undefined;
    if (how === undefined) return { name: asciiUpper(name) };
    const text = QUOTED.test(value) ? value.slice(1, -1) : BARE_OR_NOTHING.test(value) ? value : undefined;
    return text === undefined
      ? undefined
      : { name: asciiUpper(name), change: { how: how as '=' | '+=' | '-=', value: text } };
  },
  write: ({ name, change }) => (change ? `${name}${change.how}"${change.value}"` : name),
};

/** `+IMPORTANT`, `-READ`: the sign and the name in upper case; undefined when it is no switch. */
export function readSwitch(word: string): string | undefined {
  return /^[+-][A-Za-z0-9]+$/.test(word) ? asciiUpper(word) : undefined;
}

export const PATTERNS = { UTF8, UUID } as const;
