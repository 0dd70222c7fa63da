// Hands a long work to a thread of its own and waits for its report.

import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { StoreError } from '../errors.ts';
import type { Verification } from '../store.ts';
import { fromFailure } from './failure.ts';
import type { KeeperReport, KeeperTask } from './keeper.ts';

const script = new URL(`./keeper${extname(import.meta.url)}`, import.meta.url);

/** Resolves with what the work brought, rejects with StoreError; `signal` ends it early (`closed`). */
export function keep(
  task: KeeperTask,
  signal: AbortSignal,
  progress?: (done: number, total: number) => void,
): Promise<Verification | undefined> {
  if (signal.aborted) return Promise.reject(new StoreError('closed', 'the store is closed'));
  const worker = new Worker(script, { workerData: task, execArgv: ['--disable-warning=ExperimentalWarning'] });
  const stop = () => void worker.terminate();
  signal.addEventListener('abort', stop);
  return new Promise<Verification | undefined>((resolve, reject) => {
    worker.on('message', (report: KeeperReport) => {
      if ('done' in report) progress?.(report.done, report.total);
      else if ('failure' in report) reject(fromFailure(report.failure));
      else resolve(report.result);
    });
    worker.on('error', (cause) => reject(new StoreError('internal', "the store's worker failed", { cause })));
    worker.on('exit', () => reject(new StoreError('closed', 'the store is closed')));
  }).finally(() => signal.removeEventListener('abort', stop));
}
