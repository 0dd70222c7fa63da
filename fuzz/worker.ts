// The worker's side: loads one target and explores it, or runs the single inputs that it is sent.

import { readFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parentPort, workerData } from 'node:worker_threads';
import { messageOf } from '../src/base/errors.ts';
import { systemClock } from '../src/base/time.ts';
import { openCoverage } from './coverage.ts';
import { explore } from './explore.ts';
import type { FuzzTarget } from './harness.ts';
import { MemoryError, watchForLeaks, withMemoryCheck } from './memory.ts';
import { type Failure, openWindow, type WorkerOrder, type WorkerReport } from './protocol.ts';
import { dictionary } from './words.ts';

/** Where the source under test lies. */
const SCOPE = ['../src/', './testing/'].map((folder) => new URL(folder, import.meta.url).href);
/** Milliseconds between two reports of progress. */
const REPORT_EVERY = 200;

const { file, order, shared }: WorkerOrder = workerData;
const window = openWindow(shared);
const report = (message: WorkerReport) => parentPort?.postMessage(message);

async function load(): Promise<FuzzTarget> {
  const { target }: { target?: FuzzTarget } = await import(pathToFileURL(file).href);
  if (typeof target?.run !== 'function') throw new TypeError(`${file} exports no fuzz target`);
  return target;
}

function failureOf(error: unknown): Failure {
  const kind = error instanceof MemoryError ? 'memory' : 'error';
  if (!(error instanceof Error)) return { kind, name: typeof error, message: String(error), stack: '' };
  return { kind, name: error.name, message: error.message, stack: error.stack ?? '' };
}

async function exploreTarget({ seed, runs: maxRuns, corpus }: Exclude<WorkerOrder['order'], 'replay'>['explore']) {
  const coverage = openCoverage(SCOPE);
  const target = await load();
  const seeds = target.seeds();
  coverage.add(coverage.look() ?? []); // loading reaches blocks too
  const sources = coverage.scripts().map((url) => readFileSync(fileURLToPath(url), 'utf8'));
  const runTarget = withMemoryCheck((input) => target.run(input), { exact: false });
  const checkForLeaks = watchForLeaks();
  const started = systemClock.now();
  let reported = started;
  let size = seeds.length;
  const progress = () => ({
    runs: window.runs(),
    corpus: size,
    blocks: coverage.blocks(),
    ms: systemClock.now() - started,
  });
  try {
    await explore({
      seed,
      seeds,
      corpus: corpus.map((input) => Buffer.from(input)),
      words: dictionary(seeds, sources),
      coverage,
      run(input) {
        window.begin(input);
        return runTarget(input);
      },
      rest: window.rest,
      stopped: window.stopped,
      kept: (input) => report({ kind: 'kept', input }),
      enough(kept) {
        checkForLeaks(window.runs());
        size = kept;
        if (systemClock.now() >= reported + REPORT_EVERY) {
          reported = systemClock.now();
          report({ kind: 'progress', progress: progress() });
        }
        return window.stopped() || window.runs() >= maxRuns;
      },
    });
    report({ kind: 'end', progress: progress() });
  } catch (error) {
    window.rest();
    report({ kind: 'progress', progress: progress() });
    report({ kind: 'failed', fatal: true, input: window.input(), failure: failureOf(error) });
  }
}

async function replayTarget() {
  const target = await load();
  const run = withMemoryCheck((input) => target.run(input), { exact: true });
  parentPort?.on('message', async (message: Uint8Array) => {
    parentPort?.unref(); // so that the thread ends when the run waits for nothing that can come
    const input = Buffer.from(message);
    window.begin(input);
    try {
      await run(input);
      report({ kind: 'passed' });
    } catch (error) {
      report({ kind: 'failed', fatal: false, input: message, failure: failureOf(error) });
    } finally {
      window.rest();
      parentPort?.ref();
    }
  });
}

(order === 'replay' ? replayTarget() : exploreTarget(order.explore)).catch((error) =>
  report({ kind: 'broken', message: messageOf(error) }),
);
