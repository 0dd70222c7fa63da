// A configured command in the place of one of the programs: the message on its standard input, its lines passed on, its exit as theirs.
// spec: ima 1.2

import type { Clock } from '../../base/time.ts';
import type { Letter } from '../letter.ts';
import { splitWords } from '../routing/words.ts';
import { runProgram } from '../running.ts';

/** By which server-receive says whose certificate came with the message. */
export const SENDER_VARIABLE = 'IMA_SENDER';

/** Gives the exit status; undefined when there is none. */
export type Command = (
  letter: Letter,
  sender: string | undefined,
  say: (line: string) => Promise<void>,
) => Promise<number | undefined>;

/** Throws ImaError `table` when the words make no sense. */
export function commandFor(
  command: string,
  { clock, signal }: { readonly clock: Clock; readonly signal?: AbortSignal },
): Command {
  const words = splitWords(command);
  return (letter, sender, say) => {
    const environment: Record<string, string> = sender === undefined ? {} : { [SENDER_VARIABLE]: sender };
    return runProgram({ words, letter, environment, clock, signal, line: (octets) => say(octets.toString('utf8')) });
  };
}
