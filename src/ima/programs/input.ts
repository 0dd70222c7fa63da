// A program's message: on standard input, or in the file that an argument names.   spec: ima 1.3

import { type HeldLetter, letterFile, takeLetter } from '../letter.ts';

/** Beyond any size that a server takes. */
const MAX_SIZE = 64 * 1024 ** 3;

export function letterFromInput(file: string | undefined, stdin: AsyncIterable<Uint8Array>): Promise<HeldLetter> {
  return file === undefined || file === '-' ? takeLetter(stdin, { maxSize: MAX_SIZE }) : letterFile(file);
}
