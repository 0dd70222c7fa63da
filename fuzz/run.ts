// `npm run fuzz -- NAME`: explores one fuzz target, or all in turn, and says how to see a finding again.
// Without a name it lists the targets.

import { readFileSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { messageOf } from '../src/base/errors.ts';
import { randomInt, systemRandom } from '../src/base/random.ts';
import { formatDuration, nearest } from '../src/base/text.ts';
import { MINUTE, SECOND, systemClock } from '../src/base/time.ts';
import { keepInput, readCorpus, saveFinding, targetFiles } from './files.ts';
import { type FuzzResult, type FuzzTarget, fuzz, replay } from './harness.ts';

const ALL = 'all';
/** How long each target has its turn when all run until they are stopped. */
const TURN = MINUTE;

const HELP = `Usage: npm run fuzz -- [NAME|all] [--seconds N] [--seed N] [--replay FILE]

  NAME           the target to explore; without it, the targets are listed
  all            every target in turn
  --seconds N    stop after N seconds; without it, on Ctrl-C
  --seed N       repeat a run: start from the target's own seeds and make the same inputs in the same order.
                 Without it, every run is another, and starts from what those before it kept in fuzz/corpus/
  --replay FILE  run the target once, on the input in FILE

It stops at the first finding, writes its input to fuzz/findings/ as small as it could make it, and exits with 1.

Example: npm run fuzz -- smallmail-wire --seconds 60`;

const targets = targetFiles();
/** npm runs scripts in the package's folder; paths are meant from where the person stands. */
const here = process.env['INIT_CWD'] ?? process.cwd();

async function list(): Promise<void> {
  console.log('\nTargets:');
  for (const [name, file] of targets) {
    const { target }: { target: FuzzTarget } = await import(pathToFileURL(file).href);
    console.log(`  ${name.padEnd(24)} ${target.about}`);
  }
}

type Target = readonly [name: string, file: string];

interface Turn {
  readonly milliseconds: number;
  /** When given, nothing is read from or written to the corpus on disk. */
  readonly seed: number | undefined;
}

/** Explores one target for a while. Returns false after a finding. */
async function explore([name, file]: Target, { milliseconds, seed }: Turn): Promise<boolean> {
  const used = seed ?? randomInt(systemRandom, 2 ** 31 - 1);
  const terminal = process.stderr.isTTY;
  const result = await fuzz(file, {
    seed: used,
    milliseconds,
    corpus: seed === undefined ? readCorpus(name) : [],
    signal: interrupted.signal,
    onKept: (input) => seed === undefined && keepInput(name, input),
    onProgress: (progress) => terminal && process.stderr.write(`\r${name}: ${figures(progress)}\x1b[K`),
  });
  if (terminal) process.stderr.write('\r\x1b[K');
  const { finding } = result;
  console.log(`${name}: ${figures(result)}, seed ${used}, ${finding === undefined ? 'nothing found' : 'a FINDING'}`);
  if (finding === undefined) return true;
  const path = relative(here, saveFinding(name, finding));
  console.log(`\n${finding.stack || finding.message}\n`);
  console.log(`Input: ${path} (${finding.input.length} octets)`);
  if (finding.repeats) console.log(`To see it again: npm run fuzz -- ${name} --replay ${path}`);
  else console.log(`That input alone does not fail. To see it again: npm run fuzz -- ${name} --seed ${used}`);
  return false;
}

function figures({ runs, corpus, blocks, ms }: FuzzResult): string {
  const rate = Math.round((runs * SECOND) / Math.max(ms, 1));
  const count = (value: number) => value.toLocaleString('en');
  return `${count(runs)} runs in ${formatDuration(ms)} (${count(rate)}/s), ${count(corpus)} inputs kept, ${count(blocks)} blocks reached`;
}

/** Gives every target its turn; until stopped when `milliseconds` is not finite. Returns false when any found something. */
async function exploreAll({ milliseconds, seed }: Turn): Promise<boolean> {
  const end = systemClock.now() + milliseconds;
  const broken = new Set<Target>();
  do {
    let left = targets.length;
    for (const target of targets) {
      const turn = Number.isFinite(milliseconds) ? Math.max(0, end - systemClock.now()) / left : TURN;
      left -= 1;
      if (interrupted.signal.aborted || broken.has(target)) continue;
      if (!(await explore(target, { milliseconds: turn, seed }))) broken.add(target);
    }
  } while (!Number.isFinite(milliseconds) && !interrupted.signal.aborted && broken.size < targets.length);
  return broken.size === 0;
}

async function replayFile([name, file]: Target, path: string): Promise<boolean> {
  const input = readFileSync(resolve(here, path));
  const failure = await replay(file, input);
  console.log(
    failure === undefined
      ? `${name} takes these ${input.length} octets without harm.`
      : `${name} fails on these ${input.length} octets (${failure.kind}):\n\n${failure.stack || failure.message}`,
  );
  return failure === undefined;
}

/** The exit code. */
async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      seconds: { type: 'string' },
      seed: { type: 'string' },
      replay: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const [name] = positionals;
  if (values.help || name === undefined) {
    console.log(HELP);
    if (!values.help) await list();
    return 0;
  }
  const target = targets.find(([each]) => each === name);
  if (target === undefined && name !== ALL) {
    const near = nearest(name, [ALL, ...targets.map(([each]) => each)]);
    const hint = near === undefined ? 'Without a name, `npm run fuzz` lists them.' : `Did you mean ${near}?`;
    console.error(`There is no fuzz target called ${name}. ${hint}`);
    return 2;
  }
  if (values.replay !== undefined) {
    if (target === undefined) throw new Error('--replay takes the name of one target');
    return (await replayFile(target, values.replay)) ? 0 : 1;
  }
  const turn = {
    milliseconds: values.seconds === undefined ? Number.POSITIVE_INFINITY : number('seconds', values.seconds) * SECOND,
    seed: values.seed === undefined ? undefined : number('seed', values.seed),
  };
  return (await (target === undefined ? exploreAll(turn) : explore(target, turn))) ? 0 : 1;
}

function number(option: string, text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0)) throw new Error(`--${option} takes a number, not ${text}`);
  return value;
}

const interrupted = new AbortController();
process.once('SIGINT', () => interrupted.abort());
try {
  process.exitCode = await main();
} catch (error) {
  console.error(messageOf(error));
  process.exitCode = 2;
}
