// A person at the command line: a home of one's own, and `postern smallmail` (or another group of commands) run in it. The command runs in this process,
// which is the same code as its own process would run, and much quicker.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runPostern } from '../../src/cli/program.ts';

export interface Client extends AsyncDisposable {
  readonly home: string;
  /** Runs a command that must succeed, and gives what it printed. One at a time. */
  run(...args: string[]): Promise<string>;
  /** Runs a command that must fail, and gives its complaint. */
  fails(...args: string[]): Promise<string>;
  /** Runs a command with --json and gives its document. */
  ask<T>(...args: string[]): Promise<T>;
  /** A file in the home, for passing on. */
  file(name: string, content?: string | Uint8Array): Promise<string>;
}

export async function openClient(group = 'smallmail'): Promise<Client> {
  const home = await mkdtemp(join(tmpdir(), 'postern-person-'));
  const command = (args: string[]) => overhear(() => runPostern([group, ...args, '--home', home]));
  const client: Client = {
    home,
    async run(...args) {
      const { status, out, err } = await command(args);
      if (status !== 0) throw new Error(`postern ${group} ${args.join(' ')} ended with ${status}: ${err}${out}`);
      return out;
    },
    async fails(...args) {
      const { status, out, err } = await command(args);
      if (status === 0) throw new Error(`postern ${group} ${args.join(' ')} should have failed: ${out}`);
      return err;
    },
    ask: async (...args) => JSON.parse(await client.run(...args, '--json')),
    async file(name, content) {
      const path = join(home, name);
      if (content !== undefined) await writeFile(path, content);
      return path;
    },
    [Symbol.asyncDispose]: () => rm(home, { recursive: true, force: true }),
  };
  return client;
}

/** What is written to both outputs while `work` runs. */
export async function overhear(work: () => Promise<number>): Promise<{ status: number; out: string; err: string }> {
  const heard = { out: '', err: '' };
  const { stdout, stderr } = process;
  const before = [stdout.write, stderr.write] as const;
  const listen = (output: 'out' | 'err') => (text: string | Uint8Array) => {
    heard[output] += String(text);
    return true;
  };
  [stdout.write, stderr.write] = [listen('out'), listen('err')];
  try {
    const status = await work();
    return { status, ...heard };
  } finally {
    [stdout.write, stderr.write] = before;
  }
}
