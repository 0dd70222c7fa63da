// The words that a client may say.   spec: cmtp 2, 4, 9 D13

/** Of a word, its NUL included.   spec: cmtp 9 D14 */
export const WORD_LIMIT = 33;

export const WORDS = ['OHAI', 'MAIL', 'KEYREQUEST', 'NOOP', 'LOGIN', 'OBAI', 'HELP'] as const;

/** Ours, and only where they are switched on. Each fits the 11 octets that the old reference server reads at once. */
export const EXTENSION_WORDS = ['XCHAL', 'XAUTH', 'XLIST', 'XFETCH', 'XDELETE', 'XENROL', 'XROTATE'] as const;

export type Word = (typeof WORDS)[number] | (typeof EXTENSION_WORDS)[number];

/** The word that the octets spell, if it is one that is understood. */
export function parseWord(octets: Buffer, extended: boolean): Word | undefined {
  const text = octets.toString('latin1');
  const known: readonly Word[] = extended ? [...WORDS, ...EXTENSION_WORDS] : WORDS;
  return known.find((word) => word === text);
}
