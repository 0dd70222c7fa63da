// A person at the command line: a home of one's own, and `postern smallmail` run in it.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { postern } from './office.ts';

export interface Client extends AsyncDisposable {
  readonly home: string;
  /** Runs a command that must succeed, and gives what it printed. */
  run(...args: string[]): Promise<string>;
  /** Runs a command that must fail, and gives its complaint. */
  fails(...args: string[]): Promise<string>;
  /** Runs a command with --json and gives its document. */
  ask<T>(...args: string[]): Promise<T>;
  /** A file in the home, for passing on. */
  file(name: string, content?: string | Uint8Array): Promise<string>;
}

export async function openClient(): Promise<Client> {
  const home = await mkdtemp(join(tmpdir(), 'postern-person-'));
  const smallmail = (args: string[]) => postern('smallmail', ...args, '--home', home);
  const client: Client = {
    home,
    async run(...args) {
      const { code, out, err } = await smallmail(args);
      if (code !== 0) throw new Error(`postern smallmail ${args.join(' ')} ended with ${code}: ${err}${out}`);
      return out;
    },
    async fails(...args) {
      const { code, out, err } = await smallmail(args);
      if (code === 0) throw new Error(`postern smallmail ${args.join(' ')} should have failed: ${out}`);
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
