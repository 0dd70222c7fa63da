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
/** Jobs in memory that wait for a place: so many that a lane of average speed is never idle while more of it lie in the store. */
const MAX_HELD = 4096;
const MAX_HELD_IN_LANE = 1024;
const MAX_TAKEN_AT_ONCE = 500;
/** When a job comes again for which there was not even room to wait. */
const CROWDED_WAIT = 30 * SECOND;

interface Lane {
  running: number;
  readonly held: Job[];
}

export class Outbound {
  readonly #post: Post;
  readonly #options: OutboundOptions;
  readonly #stop = new AbortController();
  readonly #running = new Set<Promise<void>>();
  /** The ids of all that are tried or wait for a place. */
  readonly #mine = new Set<string>();
  /** Those in which something is tried or waits; the one that had its turn last stands last. */
  readonly #lanes = new Map<string, Lane>();
  #held = 0;
  /** Nothing was taken yet: what is leased in the store was so by somebody who is gone. */
  #isNew = true;
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

  /** Sees to it that a job is tried now, be it new or put off: for whoever starts anew and knows what waits. */
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
      if (this.#held === 0) break;
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
    const room = concurrency - this.#running.size + (lanes === undefined ? 0 : MAX_HELD - this.#held);
    return Math.min(room, MAX_TAKEN_AT_ONCE);
  }

  /** Takes what is due, as much as there is room for, and begins what has a place; how many it took. */
  async #take(now: number): Promise<number> {
    const { clock, store } = this.#post;
    const { queue, lease = 15 * MINUTE, lanes } = this.#options;
    if (this.#isNew) await store.queues.endLeases(queue, now);
    this.#isNew = false;
    const jobs = await store.queues.lease(queue, { now, leaseUntil: clock.now() + lease, limit: this.#room });
    const crowded: string[] = [];
    for (const job of jobs) {
      if (this.#mine.has(job.id)) continue; // its lease has ended while it waits or runs here
      const name = this.#laneOf(job);
      const lane = this.#lanes.get(name) ?? { running: 0, held: [] };
      if (lanes && lane.held.length >= MAX_HELD_IN_LANE) {
        crowded.push(job.id);
        continue;
      }
      this.#mine.add(job.id);
      lane.held.push(job);
      this.#held += 1;
      this.#lanes.set(name, lane);
    }
    this.#begin();
    await Promise.all(crowded.map((id) => store.queues.postpone(queue, id, clock.now() + CROWDED_WAIT)));
    return jobs.length;
  }

  #laneOf(job: Job): string {
    try {
      return this.#options.lanes?.of(job) ?? job.id;
    } catch {
      return job.id; // it cannot be read: the attempt will say so
    }
  }

  /** Begins what waits and has a place now: in each lane the first first, and the lanes by turns. */
  #begin(): void {
    const { concurrency = 8, lanes } = this.#options;
    for (const [name, lane] of [...this.#lanes]) {
      while (lane.running < (lanes?.places ?? 1) && this.#running.size < concurrency && !this.#stop.signal.aborted) {
        const job = lane.held.shift();
        if (job === undefined) break;
        this.#held -= 1;
        this.#track(this.#try(job), name, lane);
      }
    }
  }

  #track(attempt: Promise<void>, name: string, lane: Lane): void {
    lane.running += 1;
    const tracked = attempt.finally(() => {
      this.#running.delete(tracked);
      lane.running -= 1;
      this.#lanes.delete(name);
      if (lane.running > 0 || lane.held.length > 0) this.#lanes.set(name, lane);
      this.#begin();
      this.#nudge.abort(); // a place is free
    });
    this.#running.add(tracked);
  }

  /** Whoever comes next need not wait for the end of a lease. */
  async #giveBack(): Promise<void> {
    const { clock, store } = this.#post;
    const held = [...this.#lanes.values()].flatMap((lane) => lane.held.splice(0));
    await Promise.all(
      held.map(({ id }) => store.queues.postpone(this.#options.queue, id, clock.now()).catch(() => {})),
    );
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
