// The words that a client may say.   spec: cmtp 2, 4, 9 D13

/** Of a word, its NUL included.   spec: cmtp 9 D14 */
export const WORD_LIMIT = 33;

/** What every server understands. */
export const WORDS = ['OHAI', 'MAIL', 'KEYREQUEST', 'NOOP', 'LOGIN', 'OBAI', 'HELP'] as const;

/** Ours, for reading mail: over TLS, and elsewhere where they are switched on. Each fits what the old reference server reads at once. */
export const FETCH_WORDS = ['XCHAL', 'XAUTH', 'XLIST', 'XFETCH', 'XDELETE'] as const;

/** Ours, for a user who makes his account or changes its key: over TLS alone. */
export const ACCOUNT_WORDS = ['XENROL', 'XROTATE'] as const;

export type Word = (typeof WORDS)[number] | (typeof FETCH_WORDS)[number] | (typeof ACCOUNT_WORDS)[number];

/** The one of `words` that the octets spell. */
export function parseWord(octets: Buffer, words: readonly Word[]): Word | undefined {
  const text = octets.toString('latin1');
  return words.find((word) => word === text);
}
