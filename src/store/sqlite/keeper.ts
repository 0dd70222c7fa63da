// The thread of one long work (see `keeping.ts`): does it, reports, and ends.

import { parentPort, workerData } from 'node:worker_threads';
import type { Verification } from '../store.ts';
import { type Failure, toFailure } from './failure.ts';
import { checkStore, copyStore } from './keeping.ts';

export type KeeperTask =
  | { readonly work: 'copy'; readonly file: string; readonly path: string }
  | { readonly work: 'check'; readonly file: string };

export type KeeperReport =
  | { readonly done: number; readonly total: number }
  | { readonly result: Verification | undefined }
  | { readonly failure: Failure };

const report = (message: KeeperReport): void => parentPort?.postMessage(message);

async function keep(task: KeeperTask): Promise<Verification | undefined> {
  const progress = (done: number, total: number) => report({ done, total });
  if (task.work === 'check') return checkStore(task.file, progress);
  await copyStore(task.file, task.path, progress);
  return undefined;
}

try {
  report({ result: await keep(workerData as KeeperTask) });
} catch (error) {
  report({ failure: toFailure(error) });
}
