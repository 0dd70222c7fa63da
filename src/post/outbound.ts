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
  /** Without them each job is a lane of its own. */
  readonly lanes?: Lanes;
}

/** Jobs of one lane, such as those for one domain, have so many places and no more: a slow lane delays no other. */
export interface Lanes {
  of(job: Job): string;
  readonly places: number;
}

const LONGEST_REST = 10 * MINUTE;
/** Jobs in memory that wait for a place. */
const MAX_HELD = 256;
const MAX_HELD_IN_LANE = 32;
/** When a job comes again for which there was not even room to wait. That counts as an attempt, so a lane like this is asked less. */
const CROWDED_WAIT = MINUTE;

export class Outbound {
  readonly #post: Post;
  readonly #options: OutboundOptions;
  readonly #stop = new AbortController();
  readonly #running = new Set<Promise<void>>();
  /** The ids of all that are tried or wait for a place. */
  readonly #mine = new Set<string>();
  /** The places that are taken. */
  readonly #taken = new Map<string, number>();
  #held: { readonly job: Job; readonly lane: string }[] = [];
  #loop: Promise<void> | undefined;
  #nudge = new AbortController();
  #unwatch = () => {};

  constructor(post: Post, options: OutboundOptions) {
    this.#post = post;
    this.#options = options;
  }

  /** Accepts a job: durable when this resolves. False when one of this id is waiting already. */
  async push(id: string, body: Uint8Array, notBefore = this.#post.clock.now()): Promise<boolean> {
    const job = { id, body, accepted: this.#post.clock.now(), notBefore };
    return this.#post.store.queues.push(this.#options.queue, job);
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
    if (this.#loop) return;
    // Jobs may come from anywhere, and an operator may make one due.
    this.#unwatch = this.#post.store.queues.watch(this.#options.queue, () => this.#nudge.abort());
    this.#loop = this.#work();
  }

  /**
   * Tries what is due now, each job once, and resolves when all of that is settled: for a queue that is worked at
   * certain moments only, and not from `start` on. What the store throws passes through.
   */
  async round(): Promise<void> {
    const now = this.#post.clock.now();
    while (!this.#stop.signal.aborted) {
      while (this.#room <= 0) await Promise.race(this.#running);
      if ((await this.#take(now)) > 0) continue;
      if (this.#held.length === 0) break;
      await Promise.race(this.#running);
    }
    await Promise.all(this.#running);
  }

  /** Takes no further job and waits for the attempts under way, at most `grace` ms; what is cut off is tried again later. */
  async stop(grace: number): Promise<void> {
    this.#unwatch();
    this.#stop.abort();
    this.#nudge.abort();
    const patience = new AbortController();
    const ended = async () => {
      await this.#loop;
      await this.#giveBack();
      await Promise.all(this.#running);
    };
    await Promise.race([ended(), sleep(this.#post.clock, grace, patience.signal)]);
    patience.abort();
  }

  async #work(): Promise<void> {
    const { clock, store, log } = this.#post;
    const { queue } = this.#options;
    while (!this.#stop.signal.aborted) {
      this.#nudge = new AbortController();
      try {
        const room = this.#room;
        if (room > 0 && (await this.#take(clock.now())) === room) continue;
        const due = this.#room <= 0 ? undefined : await store.queues.nextDue(queue);
        const rest = Math.min(LONGEST_REST, Math.max(0, (due ?? Number.POSITIVE_INFINITY) - clock.now()));
        await sleep(clock, rest, this.#nudge.signal);
      } catch (error) {
        log.error('outbound.queue-failed', { queue, reason: messageOf(error) });
        await sleep(clock, 10 * SECOND, this.#stop.signal);
      }
    }
  }

  /** Jobs that may be taken now. */
  get #room(): number {
    const { concurrency = 8, lanes } = this.#options;
    return concurrency - this.#running.size + (lanes === undefined ? 0 : MAX_HELD - this.#held.length);
  }

  /** Takes what is due, as much as there is room for, and begins what has a place; how many it took. */
  async #take(now: number): Promise<number> {
    const { clock, store } = this.#post;
    const { queue, lease = 15 * MINUTE, lanes } = this.#options;
    const jobs = await store.queues.lease(queue, { now, leaseUntil: clock.now() + lease, limit: this.#room });
    for (const job of jobs) {
      if (this.#mine.has(job.id)) continue; // its lease has ended while it waits or runs here
      const lane = this.#laneOf(job);
      if (lanes && this.#held.filter((held) => held.lane === lane).length >= MAX_HELD_IN_LANE) {
        await store.queues.postpone(queue, job.id, clock.now() + CROWDED_WAIT);
        continue;
      }
      this.#mine.add(job.id);
      this.#held.push({ job, lane });
      this.#begin();
    }
    return jobs.length;
  }

  #laneOf(job: Job): string {
    try {
      return this.#options.lanes?.of(job) ?? job.id;
    } catch {
      return job.id; // it cannot be read: the attempt will say so
    }
  }

  /** Begins what waits and has a place now, the first first. */
  #begin(): void {
    const { concurrency = 8, lanes } = this.#options;
    this.#held = this.#held.filter(({ job, lane }) => {
      const taken = this.#taken.get(lane) ?? 0;
      if (this.#stop.signal.aborted || this.#running.size >= concurrency || taken >= (lanes?.places ?? 1)) return true;
      this.#taken.set(lane, taken + 1);
      this.#track(this.#try(job), lane);
      return false;
    });
  }

  #track(attempt: Promise<void>, lane: string): void {
    const tracked = attempt.finally(() => {
      this.#running.delete(tracked);
      const left = (this.#taken.get(lane) ?? 1) - 1;
      if (left > 0) this.#taken.set(lane, left);
      else this.#taken.delete(lane);
      this.#begin();
      this.#nudge.abort(); // a place is free
    });
    this.#running.add(tracked);
  }

  /** Whoever comes next need not wait for the end of a lease. */
  async #giveBack(): Promise<void> {
    const { clock, store } = this.#post;
    for (const { job } of this.#held.splice(0)) {
      await store.queues.postpone(this.#options.queue, job.id, clock.now()).catch(() => {});
    }
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
    this.#mine.delete(job.id); // before the queue has it again: it may be due at once
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
