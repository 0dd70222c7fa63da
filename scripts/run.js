// The one way into the project's tasks: installs what is missing, then runs the task on the Node that the project brings.
// Plain JavaScript for any Node since 16.9, because this is the file that runs before anything is installed.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const bin = join(root, 'node_modules', '.bin');
const [task = '', ...args] = process.argv.slice(2);

const say = (text) => process.stderr.write(`${text}\n`);

function run(command, commandArgs, options = {}) {
  const path = `${bin}${process.platform === 'win32' ? ';' : ':'}${process.env.PATH || ''}`;
  const result = spawnSync(command, commandArgs, {
    cwd: root,
    stdio: options.stdio || 'inherit',
    env: { ...process.env, PATH: path },
  });
  if (result.error) throw result.error;
  if (result.status !== 0) process.exit(result.status === null ? 1 : result.status);
}

function install() {
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  const stamp = join(root, 'node_modules', '.postern-lock');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return;
  say('Installing what Postern needs (once, about half a minute) …');
  const npm = process.env.npm_execpath;
  // Not `npm ci`: it refuses a lock without the packages of other platforms, and not every registry has all of those.
  const flags = ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error'];
  // npm's own report belongs to stderr: standard output is the task's.
  const stdio = ['ignore', 2, 2];
  if (npm?.endsWith('.js')) run(process.execPath, [npm, ...flags], { stdio });
  else run('npm', flags, { stdio });
  writeFileSync(stamp, lock);
}

function node() {
  const own = join(root, 'node_modules', 'node', 'bin', 'node');
  if (existsSync(own)) return own;
  if (Number(process.versions.node.split('.')[0]) >= 24) return process.execPath;
  say(`Postern needs Node 24 or newer and could not bring its own; this is Node ${process.versions.node}.`);
  say('Install Node 24 from https://nodejs.org and run the same command again.');
  return process.exit(1);
}

function build() {
  run('tsc', ['-p', 'tsconfig.build.json']);
}

function check() {
  run('biome', ['check', '--error-on-warnings', '.']);
  run('tsc', ['-p', 'tsconfig.json']);
  run(node(), ['scripts/check-layers.ts']);
  run(node(), ['scripts/coverage-spec.ts', '--check']);
  run('knip', []);
  run('publint', ['--strict']);
}

const tasks = {
  async start() {
    build();
    node(); // says what is missing when this machine has no Node that will do
    const entry = join(root, 'bin', 'postern.js');
    process.argv.splice(1, process.argv.length, entry, 'serve', ...args); // the entry runs itself again on the Node it needs
    await import(pathToFileURL(entry).href);
  },
  test() {
    build();
    check();
    run(node(), ['node_modules/vitest/vitest.mjs', 'run', ...args]);
  },
  check() {
    build();
    check();
  },
  build,
  bench: () => run(node(), ['--disable-warning=ExperimentalWarning', 'bench/run.ts', ...args]),
  fuzz: () => run(node(), ['--disable-warning=ExperimentalWarning', 'fuzz/run.ts', ...args]),
  format: () => run('biome', ['check', '--write', '.']),
  'coverage:spec': () => run(node(), ['scripts/coverage-spec.ts', ...args]),
};

if (!Object.hasOwn(tasks, task)) {
  say(`No such task: ${task}. There are: ${Object.keys(tasks).join(', ')}.`);
  process.exit(2);
}
install();
await tasks[task]();
