// The `postern` command: the one list of its command groups, and the one place where failures become words and a status.

import { readFileSync } from 'node:fs';
import { type Command, CommanderError } from 'commander';
import { messageOf, PosternError } from '../base/errors.ts';
import { backupCommand } from './backup.ts';
import { caCommand } from './ca.ts';
import { cmtpCommand } from './cmtp.ts';
import { AlreadySaid, makeCommand, UsageError } from './command.ts';
import { configCommand } from './config.ts';
import { demoCommand } from './demo.ts';
import { doctorCommand } from './doctor.ts';
import { imaCommand } from './ima.ts';
import { immpCommand } from './immp.ts';
import { mixCommand } from './mix.ts';
import { directoryCommand } from './mix-directory.ts';
import { exportCommand, importCommand } from './move.ts';
import { nymCommand } from './nym.ts';
import { nymserverCommand } from './nymserver.ts';
import { harmless, print } from './output.ts';
import { pinsCommand } from './pins.ts';
import { remailerCommand } from './remailer.ts';
import { serveCommand } from './serve.ts';
import { smallmailCommand } from './smallmail.ts';
import { smtpCommand } from './smtp.ts';
import { verifyCommand } from './verify.ts';

const OK = 0;
const FAILED = 1;
const MISUSED = 2;

/** What `postern` offers, in the order of its help. A file of commands imports what it works with only when it runs. */
const groups: readonly (() => Command)[] = [
  serveCommand,
  demoCommand,
  smallmailCommand,
  cmtpCommand,
  immpCommand,
  imaCommand,
  mixCommand,
  remailerCommand,
  directoryCommand,
  nymCommand,
  nymserverCommand,
  smtpCommand,
  pinsCommand,
  caCommand,
  configCommand,
  doctorCommand,
  backupCommand,
  verifyCommand,
  exportCommand,
  importCommand,
];

/** The whole program, ready to parse its arguments. Throws CommanderError where commander would end the process. */
export function posternCommand(): Command {
  const program = makeCommand('postern', 'A private post office: server, client and store in one.', [
    'postern serve',
  ]).version(version(), '-V, --version');
  for (const group of groups) program.addCommand(group());
  settle(program);
  return program;
}

/** Runs one command line (without the program's name) and gives the exit status: 0 done, 1 failed, 2 called wrongly. */
export async function runPostern(args: readonly string[]): Promise<number> {
  try {
    await posternCommand().parseAsync(args, { from: 'user' });
    return OK;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? OK : MISUSED; // commander has said it already
    if (!(error instanceof AlreadySaid)) print(explain(error), process.stderr);
    return error instanceof UsageError ? MISUSED : FAILED;
  }
}

/** What a person reads when a command failed: what went wrong, then what to do about it. */
function explain(error: unknown): string {
  if (process.env['POSTERN_DEBUG'] && error instanceof Error) return error.stack ?? error.message;
  const lines = [`postern: ${messageOf(error)}`];
  if (error instanceof PosternError && error.remedy !== undefined) lines.push(`  what to do: ${error.remedy}`);
  if (!(error instanceof PosternError)) lines.push('  set POSTERN_DEBUG=1 to see where this happened');
  return lines.join('\n').split('\n').map(harmless).join('\n');
}

/** Commander hands these settings down only to commands that it made itself. */
function settle(command: Command): void {
  command.exitOverride().showSuggestionAfterError().showHelpAfterError('(add --help for what this command takes)');
  for (const child of command.commands) settle(child);
}

function version(): string {
  const file = new URL('../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
