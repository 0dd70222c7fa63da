// Passwords of accounts, the same for every counter: from a file, from the environment, or from the person at the terminal.

import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { messageOf } from '../base/errors.ts';
import { askSecret } from './ask-person.ts';
import { UsageError } from './command.ts';

const PRESENT = 'POSTERN_PASSWORD';
const NEW = 'POSTERN_NEW_PASSWORD';

export interface PasswordOption {
  readonly passwordFile?: string;
}

/** `--password-file`, for commands that log in. */
export function withPasswordOption(command: Command): Command {
  return offered(command, 'the password', PRESENT);
}

/** `--password-file`, for commands that set a password. */
export function withNewPasswordOption(command: Command): Command {
  return offered(command, 'the new password', NEW);
}

function offered(command: Command, what: string, variable: string): Command {
  const about = `a file with ${what}; without it ${variable} is taken, or the password is asked for`;
  return command.option('--password-file <file>', about);
}

/** The password that an account has. Throws UsageError. */
export async function passwordOf(name: string, { passwordFile }: PasswordOption = {}): Promise<string> {
  const given = (await written(passwordFile, PRESENT)) ?? (await askSecret(`Password of ${name}: `));
  if (given !== undefined) return given;
  throw new UsageError('the password is needed', `run this in a terminal, or set ${PRESENT}`);
}

/** The password that an account is to have; a person types it twice. Throws UsageError. */
export async function newPasswordFor(name: string, { passwordFile }: PasswordOption): Promise<string> {
  const given = await written(passwordFile, NEW);
  if (given !== undefined) return given;
  const typed = await askSecret(`New password of ${name}: `);
  if (typed === undefined) {
    throw new UsageError('a password is needed', `run this in a terminal, give --password-file FILE, or set ${NEW}`);
  }
  if (typed !== (await askSecret('The same again: '))) throw new UsageError('the two passwords differ');
  return typed;
}

async function written(file: string | undefined, variable: string): Promise<string | undefined> {
  if (file === undefined) return process.env[variable];
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new UsageError(`cannot read ${file}: ${messageOf(error)}`);
  });
  return text.replace(/\r?\n$/, '');
}
