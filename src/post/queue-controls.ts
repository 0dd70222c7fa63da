// What an operator asks of a counter's mail for other domains while it waits: numbers and domains. Who writes to whom is
// nobody's business.

import { z } from 'zod';
import { type Control, control } from './control.ts';
import type { Post } from './post.ts';

/** A message that waits. */
export interface Bound {
  /** The id of its job. */
  readonly message: string;
  readonly domain: string;
}

export interface QueueControls<Settings> {
  /** Answers `[{ domain, messages }]`, by domain. */
  readonly 'queue.list': Control<Settings>;
  /** Has what waits, or waits for one domain, tried at once; answers `{ due }`, how many these are. */
  readonly 'queue.retry': Control<Settings>;
}

/** `waiting` gives, page by page, all messages that have a job in `queue`. */
export function queueControls<Settings>(
  queue: string,
  waiting: (post: Post) => AsyncIterable<readonly Bound[]>,
): QueueControls<Settings> {
  return {
    'queue.list': control(z.strictObject({}), async ({ post }) => {
      const counts = new Map<string, number>();
      for await (const page of waiting(post)) {
        for (const { domain } of page) counts.set(domain, (counts.get(domain) ?? 0) + 1);
      }
      return [...counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([domain, messages]) => ({ domain, messages }));
    }),
    'queue.retry': control(z.strictObject({ domain: z.string().optional() }), async ({ post }, { domain }) => {
      const now = post.clock.now();
      let due = 0;
      for await (const page of waiting(post)) {
        const wanted = page.filter((each) => domain === undefined || each.domain === domain.toLowerCase());
        const hurried = await Promise.all(wanted.map(({ message }) => post.store.queues.postpone(queue, message, now)));
        due += hurried.filter(Boolean).length;
      }
      return { due };
    }),
  };
}
