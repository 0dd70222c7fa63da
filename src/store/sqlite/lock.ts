// One process a store.

import { tryLock } from '../../base/process-lock.ts';
import { StoreError } from '../errors.ts';
import { failureOf } from './failure.ts';

/** Takes the lock of the store in `file`; dispose of what it returns to give it back. Throws StoreError `locked`. */
export function lock(file: string): Disposable {
  const held = locked(file);
  if (held !== undefined) return held;
  throw new StoreError('locked', 'the store is in use by another process', {
    remedy: 'stop the other process, or give this one a data folder of its own',
  });
}

function locked(file: string): Disposable | undefined {
  try {
    return tryLock(file);
  } catch (error) {
    throw failureOf(error);
  }
}
