// Clears away what has expired, every few minutes and never on the minute, so that the time of a removal tells nothing.

import { codeOf } from '../base/errors.ts';
import { randomInt } from '../base/random.ts';
import { sleep } from '../base/time.ts';
import type { Post } from '../post/post.ts';

/** A pause lasts from 80 % to 120 % of what is set. */
const JITTER = 0.2;
const STEPS = 10_000;

/** Sweeps the store again and again, `every()` ms apart on average, until the returned function is called. */
export function startHousekeeping({ store, clock, random, log, metrics }: Post, every: () => number): () => void {
  const stop = new AbortController();
  const removed = metrics.counter('postern_swept_total', 'What was removed because its time was over', ['what']);
  const failed = metrics.counter('postern_sweep_failures_total', 'Sweeps that the store broke off');
  const sweep = async () => {
    try {
      const { messages, mailboxes, seen, uploads } = await store.sweep(clock.now());
      for (const [what, count] of Object.entries({ messages, mailboxes, seen, uploads })) removed({ what }, count);
      if (messages + mailboxes > 0) log.info('sweep.done', { messages, mailboxes });
    } catch (error) {
      if (stop.signal.aborted) return;
      failed();
      log.error('sweep.failed', { code: codeOf(error) });
    }
  };
  const run = async () => {
    for (;;) {
      const stretch = 1 - JITTER + (2 * JITTER * randomInt(random, STEPS)) / STEPS;
      await sleep(clock, every() * stretch, stop.signal);
      if (stop.signal.aborted) return;
      await sweep();
    }
  };
  void run();
  return () => stop.abort();
}
