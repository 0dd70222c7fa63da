// A lock that one process at a time holds on a path, however many ask for it. The system frees it when the process ends,
// in whatever way: it is a lock inside a small SQLite file, so that nothing stale is ever left behind.

import { closeSync, openSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { type Clock, sleep } from './time.ts';

/** SQLite's primary result code (the low octet) for "another connection has it". */
const BUSY = 5;
const BETWEEN_TRIES = 100;

/** Takes the lock beside `path` (a file `PATH.lock`), or gives undefined when another process or caller holds it. */
export function tryLock(path: string): Disposable | undefined {
  closeSync(openSync(`${path}.lock`, 'a', 0o600)); // SQLite would make it readable for others
  const file = new DatabaseSync(`${path}.lock`, { timeout: 0 });
  try {
    file.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    file.close();
    if (
      error instanceof Error &&
      'errcode' in error &&
      typeof error.errcode === 'number' &&
      (error.errcode & 0xff) === BUSY
    )
      return undefined;
    throw error;
  }
  return { [Symbol.dispose]: () => file.close() };
}

/** Waits up to `patience` ms for the lock; `onWait` is called once when it is not to be had at once. */
export async function lockWithin(
  path: string,
  { clock, patience, onWait = () => {} }: { clock: Clock; patience: number; onWait?: (() => void) | undefined },
): Promise<Disposable | undefined> {
  const end = clock.now() + patience;
  for (let waited = false; ; waited = true) {
    const lock = tryLock(path);
    if (lock !== undefined || clock.now() >= end) return lock;
    if (!waited) onWait();
    await sleep(clock, BETWEEN_TRIES);
  }
}
