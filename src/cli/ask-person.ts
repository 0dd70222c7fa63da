// Asking a person at the terminal: a passphrase that is not shown, a letter written in an editor.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { UsageError } from './command.ts';

/** Asks without showing what is typed; undefined where there is no terminal. */
export async function askSecret(question: string): Promise<string | undefined> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined;
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: nowhere, terminal: true });
  const given = new AbortController();
  lines.once('SIGINT', () => given.abort());
  process.stderr.write(question);
  try {
    return await lines.question('', { signal: given.signal });
  } catch (cause) {
    if (given.signal.aborted) throw new UsageError('no passphrase was given');
    throw cause;
  } finally {
    lines.close();
    process.stderr.write('\n');
  }
}

/** A text written in $VISUAL or $EDITOR, in a file that only its writer can read and that is gone afterwards. */
export async function writeInEditor(folder: string): Promise<string> {
  const editor = process.env['VISUAL'] || process.env['EDITOR'] || 'vi';
  const desk = await mkdtemp(join(folder, 'draft-'));
  const file = join(desk, 'letter.txt');
  try {
    await writeFile(file, '', { mode: 0o600 });
    const [code] = await once(spawn(`${editor} "$0"`, [file], { shell: true, stdio: 'inherit' }), 'exit');
    if (code !== 0) throw new UsageError(`the editor ended with status ${code}; nothing was sent`);
    return await readFile(file, 'utf8');
  } finally {
    await rm(desk, { recursive: true, force: true });
  }
}

/** Goes on only when a person says yes, or said so already. Throws UsageError. */
export async function agreed(question: string, yes: boolean | undefined): Promise<void> {
  if (yes || (await askYes(question))) return;
  throw new UsageError('nothing was done', 'run this in a terminal and agree, or give --yes');
}

/** Asks a question that yes or no answers; undefined where there is no terminal. */
export async function askYes(question: string): Promise<boolean | undefined> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined;
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(?:es)?$/i.test((await lines.question(`${question} [y/N] `)).trim());
  } finally {
    lines.close();
  }
}
