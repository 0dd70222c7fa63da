// A token bucket: how often something may happen, as one number and a time.

import type { Clock } from './time.ts';

export interface Rate {
  /** How many are allowed in each `per` milliseconds, and at most at once. 0 forbids. */
  readonly count: number;
  readonly per: number;
}

export class TokenBucket {
  readonly #rate: Rate;
  readonly #clock: Clock;
  #tokens: number;
  #filled: number;

  constructor(rate: Rate, clock: Clock) {
    this.#rate = rate;
    this.#clock = clock;
    this.#tokens = rate.count;
    this.#filled = clock.now();
  }

  /** Takes one token, or says that there is none. */
  take(): boolean {
    this.#refill();
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  #refill(): void {
    const now = this.#clock.now();
    const gained = (Math.max(0, now - this.#filled) * this.#rate.count) / this.#rate.per;
    this.#tokens = Math.min(this.#rate.count, this.#tokens + gained);
    this.#filled = now;
  }
}
