// The flags that a message in a mailbox may have.   spec: immp 2.9

const FLAGS = ['read', 'flagged', 'important', 'low', 'answered', 'pending'] as const;

export function isFlag(word: string): boolean {
  return FLAGS.some((flag) => flag === word);
}
