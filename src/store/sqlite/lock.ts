// One process a store: a second file, held under an exclusive SQLite lock for as long as the writer lives. The system frees
// such a lock when the process ends, however it ends, so that nothing stale is ever left behind.

import { DatabaseSync } from 'node:sqlite';
import { StoreError } from '../errors.ts';
import { failureOf } from './failure.ts';

/** Takes the lock of the store in `file`; close what it returns to give it back. Throws StoreError `locked`. */
export function lock(file: string): DatabaseSync {
  const db = new DatabaseSync(`${file}.lock`, { timeout: 0 });
  try {
    db.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
    return db;
  } catch (error) {
    db.close();
    const failure = failureOf(error);
    if (failure.code !== 'locked') throw failure;
    throw new StoreError('locked', 'the store is in use by another process', {
      remedy: 'stop the other process, or give this one a data folder of its own',
    });
  }
}
