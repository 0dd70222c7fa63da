// A password from a file, or from the person at the terminal.

import { readFile } from 'node:fs/promises';
import { messageOf } from '../../base/errors.ts';
import { askSecret } from '../ask-person.ts';
import { UsageError } from '../command.ts';

export interface PasswordOption {
  readonly passwordFile?: string;
}

export async function passwordFrom({ passwordFile }: PasswordOption): Promise<string> {
  if (passwordFile !== undefined) {
    const text = await readFile(passwordFile, 'utf8').catch((error: unknown) => {
      throw new UsageError(`cannot read ${passwordFile}: ${messageOf(error)}`);
    });
    return text.replace(/\r?\n$/, '');
  }
  const typed = await askSecret('Password: ');
  if (typed === undefined) throw new UsageError('there is no terminal to ask at', 'give --password-file FILE');
  return typed;
}
