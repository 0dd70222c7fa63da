// The memory check: no input may take very much at once, and what runs leave behind must not grow.

import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { FuzzTarget } from './harness.ts';

const MIB = 1024 * 1024;
/** What one run may take, in MiB, whatever its input. */
const MOST_AT_ONCE = 256;
/** What may stay after garbage collection above what stayed after the first collection, in MiB. */
const MOST_KEPT = 64;
/** Runs between two collections. */
const COLLECT_EVERY = 20_000;

/** Thrown for an input that takes too much, or when too much stays behind. */
export class MemoryError extends Error {
  override readonly name = 'MemoryError';
}

/** Octets in use on this thread, buffers included. */
function inUse(): number {
  const { used_heap_size, external_memory } = getHeapStatistics();
  return used_heap_size + external_memory;
}

setFlagsFromString('--expose-gc');
const gc: () => void = runInNewContext('gc');

/** Collects all garbage of this thread. Buffers are given back on the side, and all of them by the next collection. */
function collect(): void {
  gc();
  gc();
}

/**
 * Wraps a run so that it throws MemoryError for an input that takes more than `MOST_AT_ONCE`. Garbage of earlier runs
 * that is collected meanwhile can hide what a run takes: `exact` collects it before each run, which is slow.
 */
export function withMemoryCheck(run: FuzzTarget['run'], { exact }: { exact: boolean }): FuzzTarget['run'] {
  return (input) => {
    if (exact) collect();
    const before = inUse();
    const check = () => {
      const taken = Math.round((inUse() - before) / MIB);
      if (taken > MOST_AT_ONCE) throw new MemoryError(`${input.length} octets of input take ${taken} MiB`);
    };
    const running = run(input);
    return running === undefined ? check() : running.then(check);
  };
}

/** A function to call now and then with the number of runs: it throws MemoryError when what stays behind has grown. */
export function watchForLeaks(): (runs: number) => void {
  let first: number | undefined;
  let next = COLLECT_EVERY;
  return (runs) => {
    if (runs < next) return;
    next = runs + COLLECT_EVERY;
    collect();
    const kept = inUse();
    first ??= kept;
    const grown = Math.round((kept - first) / MIB);
    if (grown > MOST_KEPT) throw new MemoryError(`after ${runs} runs ${grown} MiB more stay behind than at the start`);
  };
}
