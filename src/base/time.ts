// Time as a parameter: services take a Clock, tests turn a VirtualClock by hand. Times are milliseconds since 1970 UTC.

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

export interface Clock {
  /** Milliseconds since 1970 UTC. */
  now(): number;
  /** Calls `wake` once after `ms`; the returned function cancels it. */
  timer(ms: number, wake: () => void): () => void;
}

const LONGEST_TIMER = 2 ** 31 - 1; // Node fires at once when asked for more

export const systemClock: Clock = {
  now: () => Date.now(),
  timer(ms, wake) {
    let handle: NodeJS.Timeout;
    const arm = (left: number) => {
      const step = Math.min(left, LONGEST_TIMER);
      handle = setTimeout(() => (left > step ? arm(left - step) : wake()), step);
    };
    arm(Math.max(0, ms));
    return () => clearTimeout(handle);
  },
};

/** The system's time, running `speed` times as fast since it was `begun`: for test networks that show a day in minutes. */
export function fastClock({ begun, speed }: { readonly begun: number; readonly speed: number }): Clock {
  return {
    now: () => Math.round(begun + (systemClock.now() - begun) * speed),
    timer: (ms, wake) => systemClock.timer(Math.ceil(ms / speed), wake),
  };
}

/** Resolves after `ms`, or as soon as `signal` is aborted: the caller asks the signal which it was. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = () => {
      cancel();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const cancel = clock.timer(ms, done);
    signal?.addEventListener('abort', done);
  });
}

/** A clock that moves only when told to. Timers fire in order of their time, then of their making. */
export class VirtualClock implements Clock {
  #now: number;
  #made = 0;
  readonly #timers = new Map<number, { at: number; wake: () => void }>();

  constructor(start = Date.UTC(2026, 0, 1)) {
    this.#now = start;
  }

  now(): number {
    return this.#now;
  }

  timer(ms: number, wake: () => void): () => void {
    const id = this.#made++;
    this.#timers.set(id, { at: this.#now + Math.max(0, ms), wake });
    return () => this.#timers.delete(id);
  }

  /** How many timers wait. */
  get waiting(): number {
    return this.#timers.size;
  }

  /** Moves `ms` ahead, firing what falls due, and lets promises settle between one timer and the next. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      await settle();
      const next = this.#next();
      if (next === undefined || next.at > end) break;
      this.#timers.delete(next.id);
      this.#now = Math.max(this.#now, next.at);
      next.wake();
    }
    this.#now = end;
    await settle();
  }

  #next(): { id: number; at: number; wake: () => void } | undefined {
    let first: { id: number; at: number; wake: () => void } | undefined;
    for (const [id, timer] of this.#timers) if (first === undefined || timer.at < first.at) first = { id, ...timer };
    return first;
  }
}

function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** The last midnight UTC at or before `time`. */
export function startOfDay(time: number): number {
  return time - (((time % DAY) + DAY) % DAY);
}
