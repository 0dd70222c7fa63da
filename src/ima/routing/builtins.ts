// The commands of the routing table that run in this process, and all others, under one contract.   spec: ima 2.6

import { messageOf } from '../../base/errors.ts';
import type { Clock } from '../../base/time.ts';
import { ImaError } from '../errors.ts';
import type { Runner } from '../incoming.ts';
import type { Letter } from '../letter.ts';
import { runProgram } from '../running.ts';
import type { Route } from './table.ts';
import { filledIn } from './words.ts';

/** True when it took the message. */
export type Builtin = (call: {
  readonly args: readonly string[];
  readonly address: string;
  readonly letter: Letter;
  line(octets: Buffer): Promise<void>;
}) => Promise<boolean>;

const PREFIX = 'builtin:';

export interface Running {
  readonly builtins: Readonly<Record<string, Builtin>>;
  readonly clock: Clock;
  readonly signal?: AbortSignal;
  mailboxOf(address: string): string;
}

export function runnerOf({ builtins, clock, signal, mailboxOf }: Running): Runner {
  return async (route: Route, letter, line) => {
    const { address, command } = route;
    const words = filledIn(command, address, mailboxOf(address));
    const [program = '', ...args] = words;
    if (!program.startsWith(PREFIX)) {
      const environment = { IMA_RECIPIENT: address }; // spec: ima 2.6
      return (await runProgram({ words, letter, environment, clock, signal, line })) === 0;
    }
    try {
      const builtin = Object.hasOwn(builtins, program.slice(PREFIX.length))
        ? builtins[program.slice(PREFIX.length)]
        : undefined;
      if (builtin === undefined) throw new ImaError('table', `there is no ${program}`);
      return await builtin({ args, address, letter, line });
    } catch (error) {
      await line(Buffer.from(error instanceof ImaError ? error.message : `failed: ${messageOf(error).split('\n')[0]}`));
      return false;
    }
  };
}
