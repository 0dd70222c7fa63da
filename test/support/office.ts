// A whole office as a process of its own, as an operator starts it.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

export const MAIN = join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.ts');
const OWNER_ONLY = 0o700;

export interface OfficeProcess {
  readonly child: ChildProcess;
  /** The first port of a counter, by its title. */
  port(counter: string): number;
  /** All ports of a counter, by what they are. */
  ports(counter: string): Readonly<Record<string, number>>;
  /** Sends a signal and gives the exit code, or the signal's name, when it has ended. */
  end(signal: NodeJS.Signals): Promise<number | NodeJS.Signals | null>;
  /** What it wrote to standard error so far. */
  log(): string;
}

interface Described {
  readonly listening: readonly { readonly counter: string; readonly at: string; readonly what: string }[];
}

/** What stands in each table of the configuration of an office under test: it listens on ports that the system chooses. */
const ANY_PORT: Readonly<Record<string, string>> = {
  health: 'listen = []',
  smallmail: 'listen = ["127.0.0.1:0"]',
  cmtp: 'listen = ["127.0.0.1:0"]\nlisten_tls = ["127.0.0.1:0"]',
  immp: 'listen = ["127.0.0.1:0"]',
  'ima.server-receive': 'listen = ["127.0.0.1:0"]',
  'ima.server-post-office': 'listen = ["127.0.0.1:0"]',
  'ima.submission': 'listen = ["127.0.0.1:0"]',
  smtp: 'listen = ["127.0.0.1:0"]\nlisten_submission = ["127.0.0.1:0"]\nlisten_submissions = ["127.0.0.1:0"]',
};

/** A configuration that listens on ports that the system chooses wherever it does not say itself. */
export function onAnyPort(config: string): string {
  let toml = config;
  for (const [table, lines] of Object.entries(ANY_PORT)) {
    const heading = `[${table}]\n`;
    const section = toml.split(heading)[1]?.split(/^\[/m)[0];
    const added = lines
      .split('\n')
      .filter((line) => !section?.includes(line.split('=')[0] ?? ''))
      .join('\n');
    if (section === undefined) toml += `\n${heading}${added}\n`;
    else toml = toml.replace(heading, `${heading}${added}\n`);
  }
  return toml;
}

/** A data folder whose configuration listens on ports that the system chooses, plus `config`. */
export async function makeDataFolder(config = ''): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'postern-office-'));
  await mkdir(path, { mode: OWNER_ONLY, recursive: true });
  await writeFile(join(path, 'postern.toml'), onAnyPort(config), { mode: 0o600 });
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

export async function startOffice(folder: string, ...args: string[]): Promise<OfficeProcess> {
  const child = spawn(process.execPath, [MAIN, 'serve', '--data', folder, '--json', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  child.stderr.on('data', (chunk) => {
    log += chunk;
  });
  const exited = once(child, 'exit');
  let page = '';
  for await (const chunk of child.stdout) {
    page += chunk;
    if (page.trimEnd().endsWith('\n}')) break;
  }
  if (page === '') throw new Error(`the office did not start: ${log}`);
  const { listening } = JSON.parse(page) as Described;
  return {
    child,
    port(name) {
      const at = listening.find(({ counter }) => counter === name)?.at;
      if (at === undefined) throw new Error(`${name} does not listen`);
      return Number(at.split(':').at(-1));
    },
    ports(name) {
      const own = listening.filter(({ counter }) => counter === name);
      return Object.fromEntries(own.map(({ at, what }) => [what, Number(at.split(':').at(-1))]));
    },
    async end(signal) {
      child.kill(signal);
      const [code, by] = await exited;
      return code ?? by;
    },
    log: () => log,
  };
}

/** Runs one `postern` command to its end. */
export async function postern(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = once(child, 'exit');
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = await exited;
  return { code, out, err };
}
