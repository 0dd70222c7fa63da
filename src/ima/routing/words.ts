// Commands as they stand in the routing table and the configuration: shell-like words, and no shell. Pure.   spec: ima 2.6

import { ImaError } from '../errors.ts';
import { splitAddress } from '../wire/names.ts';

export interface Command {
  readonly words: readonly string[];
  /** `!`: the address is not added. */
  readonly bare: boolean;
}

/** Words between white space; `"..."` keeps it, and `\"` and `\\` stand for themselves inside. Throws ImaError `table`. */
export function splitWords(text: string): string[] {
  const words: string[] = [];
  const word = /\s*(?:"((?:[^"\\]|\\["\\])*)"|([^\s"]+))(?=\s|$)/y;
  for (const end = text.trimEnd().length; word.lastIndex < end; ) {
    const found = word.exec(text);
    if (found === null) throw new ImaError('table', 'the quotation marks do not fit together');
    words.push(found[1]?.replace(/\\(["\\])/g, '$1') ?? found[2] ?? '');
  }
  return words;
}

/** With `!` in front the command gets no argument added. Throws ImaError `table`. */
export function parseCommand(text: string): Command {
  const bare = text.startsWith('!');
  const words = splitWords(bare ? text.slice(1) : text);
  if (words.length === 0) throw new ImaError('table', 'there is no command');
  return { words, bare };
}

/**
 * The words to run for an address: placeholders filled in; without any, the address is the last word.   spec: ima 1.4, 2.6
 */
export function filledIn({ words, bare }: Command, address: string, mailbox: string): string[] {
  const { local = '', host = '' } = splitAddress(address) ?? {};
  const values: Readonly<Record<string, string>> = { a: address, l: local, h: host, m: mailbox };
  const filled = words.map((word) => word.replace(/%([alhm])/g, (_whole, letter: string) => values[letter] ?? ''));
  const hasPlaceholder = words.some((word) => /%[alhm]/.test(word));
  return bare || hasPlaceholder ? filled : [...filled, address];
}
