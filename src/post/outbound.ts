// The outbound worker: takes due jobs from a durable queue, tries each, and removes, reschedules or gives it up.
// A job leaves the queue only when its fate is settled, so a crash at any moment means one attempt more, never one less.

import { codeOf, messageOf } from '../base/errors.ts';
import { MINUTE, SECOND, sleep } from '../base/time.ts';
import type { Job } from '../store/store.ts';
import type { Post } from './post.ts';
import { MAIL_RETRIES, type RetrySchedule, retryWait } from './retry.ts';

export type Attempt =
  /** The other side has it. */
  | { readonly fate: 'done' }
  /** Not now. `body` replaces the job's, when some recipients are served and others are not. */
  | { readonly fate: 'later'; readonly body?: Uint8Array }
  /** Never: give up at once. */
  | { readonly fate: 'refused'; readonly reason: string };

export interface OutboundOptions {
  readonly queue: string;
  /** Tries one job. What it throws counts as `later`. */
  attempt(job: Job, signal: AbortSignal): Promise<Attempt>;
  /** Told of a job that will not be tried again, before it is removed: the place to queue a bounce. */
  giveUp(job: Job, reason: string): Promise<void>;
  readonly schedule?: RetrySchedule;
  /** Jobs tried at once. */
  readonly concurrency?: number;
  /** How long one attempt may take; afterwards the job is free for others. */
  readonly lease?: number;
}

const LONGEST_REST = 10 * MINUTE;

export class Outbound {
  readonly #post: Post;
  readonly #options: OutboundOptions;
  readonly #stop = new AbortController();
  readonly #running = new Set<Promise<void>>();
  #loop: Promise<void> | undefined;
  #nudge = new AbortController();

  constructor(post: Post, options: OutboundOptions) {
    this.#post = post;
    this.#options = options;
  }

  /** Accepts a job: durable when this resolves. False when one of this id is waiting already. */
  async push(id: string, body: Uint8Array, notBefore = this.#post.clock.now()): Promise<boolean> {
    const job = { id, body, accepted: this.#post.clock.now(), notBefore };
    const added = await this.#post.store.queues.push(this.#options.queue, job);
    this.#nudge.abort();
    return added;
  }

  /**
   * Sees to it that a job is tried now: for whoever starts anew and knows what waits. Whoever was at it before is gone, even if
   * its lease says otherwise.
   */
  async takeUp(id: string, body: Uint8Array): Promise<void> {
    if (await this.push(id, body)) return;
    await this.#post.store.queues.postpone(this.#options.queue, id, this.#post.clock.now());
  }

  start(): void {
    this.#loop ??= this.#work();
  }

  /**
   * Tries what is due now, each job once, and resolves when all of that is settled: for a queue that is worked at
   * certain moments only, and not from `start` on. What the store throws passes through.
   */
  async round(): Promise<void> {
    const { clock, store } = this.#post;
    const { queue, concurrency = 8, lease = 15 * MINUTE } = this.#options;
    const now = clock.now();
    while (!this.#stop.signal.aborted) {
      while (this.#running.size >= concurrency) await Promise.race(this.#running);
      const limit = concurrency - this.#running.size;
      const jobs = await store.queues.lease(queue, { now, leaseUntil: clock.now() + lease, limit });
      if (jobs.length === 0) break;
      for (const job of jobs) this.#track(this.#try(job));
    }
    await Promise.all(this.#running);
  }

  /** Takes no further job and waits for the attempts under way, at most `grace` ms; what is cut off is tried again later. */
  async stop(grace: number): Promise<void> {
    this.#stop.abort();
    this.#nudge.abort();
    const patience = new AbortController();
    await Promise.race([Promise.all([this.#loop, ...this.#running]), sleep(this.#post.clock, grace, patience.signal)]);
    patience.abort();
  }

  async #work(): Promise<void> {
    const { clock, store, log } = this.#post;
    const { queue, concurrency = 8, lease = 15 * MINUTE } = this.#options;
    while (!this.#stop.signal.aborted) {
      this.#nudge = new AbortController();
      try {
        const free = concurrency - this.#running.size;
        const now = clock.now();
        const jobs = free > 0 ? await store.queues.lease(queue, { now, leaseUntil: now + lease, limit: free }) : [];
        for (const job of jobs) this.#track(this.#try(job));
        if (free > 0 && jobs.length === free) continue;
        const due = this.#running.size >= concurrency ? undefined : await store.queues.nextDue(queue);
        const rest = Math.min(LONGEST_REST, Math.max(0, (due ?? Number.POSITIVE_INFINITY) - clock.now()));
        await sleep(clock, rest, this.#nudge.signal);
      } catch (error) {
        log.error('outbound.queue-failed', { queue, reason: messageOf(error) });
        await sleep(clock, 10 * SECOND, this.#stop.signal);
      }
    }
  }

  #track(attempt: Promise<void>): void {
    const tracked = attempt.finally(() => {
      this.#running.delete(tracked);
      this.#nudge.abort(); // a place is free
    });
    this.#running.add(tracked);
  }

  async #try(job: Job): Promise<void> {
    const { log } = this.#post;
    const { queue } = this.#options;
    let result: Attempt;
    try {
      result = await this.#options.attempt(job, this.#stop.signal);
    } catch (error) {
      if (this.#stop.signal.aborted) return; // to be tried again after the next start, when the lease ends
      log.warn('outbound.attempt-failed', { queue, attempts: job.attempts + 1, code: codeOf(error) });
      result = { fate: 'later' };
    }
    try {
      await this.#settle(job, result);
    } catch (error) {
      log.error('outbound.settle-failed', { queue, reason: messageOf(error) }); // tried again when the lease ends
    }
  }

  async #settle(job: Job, result: Attempt): Promise<void> {
    const { clock, store } = this.#post;
    const { queue, schedule = MAIL_RETRIES } = this.#options;
    if (result.fate === 'later') {
      const wait = retryWait(schedule, job.attempts + 1, clock.now() - job.accepted);
      if (wait !== undefined) {
        await store.queues.postpone(queue, job.id, clock.now() + wait, result.body);
        return;
      }
      await this.#options.giveUp(job, 'expired');
    } else if (result.fate === 'refused') {
      await this.#options.giveUp(job, result.reason);
    }
    await store.queues.finish(queue, job.id);
  }
}
