// The fuzz harness, seen from outside: the shape of a target, and `fuzz`, which explores one in a worker thread under a
// watchdog. The worker runs the inputs (explore.ts); this side sees hangs and deaths, and makes what it found smaller.

import { Worker } from 'node:worker_threads';
import { codeOf } from '../src/base/errors.ts';
import { formatDuration, formatSize } from '../src/base/text.ts';
import { SECOND, systemClock } from '../src/base/time.ts';
import { minimise } from './minimise.ts';
import {
  type Failure,
  MAX_INPUT,
  openWindow,
  type Progress,
  signatureOf,
  type WorkerOrder,
  type WorkerReport,
} from './protocol.ts';

/** What a file `fuzz/targets/NAME.ts` exports as `target`. */
export interface FuzzTarget {
  /** One line for the list of targets. */
  readonly about: string;
  /** Well-formed inputs to start from, at most 1 MiB each. */
  seeds(): Buffer[];
  /** Takes any octets. Refusing them with the parser's own error is swallowed here; whatever escapes is a finding. */
  run(input: Buffer): void | Promise<void>;
}

export interface Finding extends Failure {
  readonly input: Buffer;
  /** False when the input did not fail a second time, so that it could not be made smaller. */
  readonly repeats: boolean;
}

export interface FuzzResult extends Progress {
  /** The first finding; exploring ends with it. */
  readonly finding?: Finding;
}

export interface FuzzOptions {
  /** The same seed, corpus and number of runs give the same inputs in the same order. */
  readonly seed: number;
  /** Ends after this time, loading of the target included. */
  readonly milliseconds?: number;
  /** Ends after about so many runs. */
  readonly runs?: number;
  /** Inputs of earlier explorations, tried after the target's seeds. */
  readonly corpus?: readonly Buffer[];
  readonly signal?: AbortSignal;
  onProgress?(progress: Progress): void;
  /** Each input that reached something new. */
  onKept?(input: Buffer): void;
}

/** An input that keeps the processor busy for longer hangs. Processor time, so that a loaded machine reports no ghosts. */
const BUSY_LIMIT = SECOND;
/** An input that waits without working for longer hangs too: a promise that nobody will settle. */
const IDLE_LIMIT = 10 * SECOND;
/** How often the watchdog looks. */
const WATCH_EVERY = 50;
/** Heap of a worker, in MiB; an input that needs more is a finding. */
const HEAP_LIMIT = 512;
/** Trying to make a finding smaller ends after this time: each try of a hang costs as much as the hang. */
const MINIMISE_TIME = 20 * SECOND;

/** Explores the target in `file` until the time, the runs or the signal end it, or something is found. */
export async function fuzz(file: string, options: FuzzOptions): Promise<FuzzResult> {
  let progress: Progress = { runs: 0, corpus: 0, blocks: 0, ms: 0 };
  const { seed, runs = Number.POSITIVE_INFINITY, corpus = [] } = options;
  const worker = start(file, { explore: { seed, runs, corpus } });
  const cancelTimer = systemClock.timer(options.milliseconds ?? Number.POSITIVE_INFINITY, worker.stop);
  options.signal?.addEventListener('abort', worker.stop);
  if (options.signal?.aborted) worker.stop();
  try {
    for (;;) {
      const report = await worker.next();
      if (report.kind === 'kept') options.onKept?.(Buffer.from(report.input));
      if (report.kind === 'progress' || report.kind === 'end') {
        progress = report.progress;
        options.onProgress?.(progress);
      }
      if (report.kind === 'end') return progress;
      if (report.kind === 'failed') {
        const finding = await makeSmaller(file, Buffer.from(report.input), report.failure);
        return { ...progress, runs: worker.runs(), finding };
      }
    }
  } finally {
    cancelTimer();
    options.signal?.removeEventListener('abort', worker.stop);
    await worker.end();
  }
}

/** Runs the target once on one input, under the same watchdog: how it failed, or undefined. */
export async function replay(file: string, input: Buffer): Promise<Failure | undefined> {
  const replayer = openReplayer(file);
  try {
    return await replayer.run(input);
  } finally {
    await replayer.end();
  }
}

async function makeSmaller(file: string, input: Buffer, failure: Failure): Promise<Finding> {
  const replayer = openReplayer(file);
  const deadline = systemClock.now() + MINIMISE_TIME;
  const wanted = signatureOf(failure);
  let last = failure;
  const stillFails = async (candidate: Buffer) => {
    const outcome = await replayer.run(candidate);
    if (outcome === undefined || signatureOf(outcome) !== wanted) return false;
    last = outcome;
    return true;
  };
  try {
    if (!(await stillFails(input))) return { ...failure, input, repeats: false };
    const smallest = await minimise(input, stillFails, () => systemClock.now() > deadline);
    return { ...last, input: smallest, repeats: true };
  } finally {
    await replayer.end();
  }
}

/** One worker for many inputs, started anew after an input that it did not survive. */
function openReplayer(file: string) {
  let worker: ReturnType<typeof start> | undefined;
  return {
    async run(input: Buffer): Promise<Failure | undefined> {
      worker ??= start(file, 'replay');
      worker.send(input);
      const report = await worker.next();
      if (report.kind === 'passed') return undefined;
      if (report.kind !== 'failed') throw new Error(`a replaying worker does not report ${report.kind}`);
      if (report.fatal) {
        await worker.end();
        worker = undefined;
      }
      return report.failure;
    },
    end: async () => worker?.end(),
  };
}

/** Starts a worker on a target and watches it. `next` waits for its next report; a hang or a death is one too. */
function start(file: string, order: WorkerOrder['order']) {
  const window = openWindow();
  const reports: WorkerReport[] = [];
  let wake = () => {};
  let over = false;
  const push = (report: WorkerReport) => {
    if (over) return;
    over = report.kind === 'end' || report.kind === 'broken' || (report.kind === 'failed' && report.fatal);
    reports.push(report);
    wake();
  };
  const died = (kind: Failure['kind'], name: string, message: string, stack = '') => {
    if (window.runs() === 0) push({ kind: 'broken', message });
    else push({ kind: 'failed', fatal: true, input: window.input(), failure: { kind, name, message, stack } });
  };
  const worker = new Worker(new URL('./worker.ts', import.meta.url), {
    workerData: { file, order, shared: window.shared } satisfies WorkerOrder,
    resourceLimits: { maxOldGenerationSizeMb: HEAP_LIMIT },
    execArgv: ['--disable-warning=ExperimentalWarning'],
  });
  worker.on('message', push);
  worker.on('error', (error) => {
    const thrown = error instanceof Error ? error : new Error(String(error));
    const kind = codeOf(thrown) === 'ERR_WORKER_OUT_OF_MEMORY' ? 'memory' : 'error';
    died(kind, thrown.name, thrown.message, thrown.stack);
  });
  worker.on('exit', () => died('hang', 'Hang', 'the run waits for something that cannot happen any more'));

  let [runs, since, cpu] = [0, systemClock.now(), process.cpuUsage()];
  const watch = setInterval(() => {
    if (!window.busy() || window.runs() !== runs) {
      [runs, since, cpu] = [window.runs(), systemClock.now(), process.cpuUsage()];
      return;
    }
    const { user, system } = process.cpuUsage(cpu);
    const busy = (user + system) / 1000;
    const waited = systemClock.now() - since;
    if (busy < BUSY_LIMIT && waited < IDLE_LIMIT) return;
    died('hang', 'Hang', `the run does not end (stopped after ${formatDuration(waited)})`);
    void worker.terminate();
  }, WATCH_EVERY);

  return {
    stop: window.stop,
    runs: window.runs,
    send(input: Buffer) {
      if (input.length > MAX_INPUT) throw new RangeError(`an input has at most ${formatSize(MAX_INPUT)}`);
      worker.postMessage(input);
    },
    async next(): Promise<Exclude<WorkerReport, { kind: 'broken' }>> {
      for (;;) {
        const report = reports.shift();
        if (report?.kind === 'broken') throw new Error(`the fuzz target cannot be loaded: ${report.message}`);
        if (report !== undefined) return report;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    async end() {
      over = true;
      clearInterval(watch);
      await worker.terminate();
    },
  };
}
