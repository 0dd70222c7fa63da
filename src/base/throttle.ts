// A limit on octets per second: whoever is about to move some waits until they fit.

import { type Clock, SECOND, sleep } from './time.ts';

export interface Bandwidth {
  /** Octets per second on average; more than 0. */
  readonly rate: number;
  /** Octets that may go at once after a time of silence. */
  readonly burst: number;
}

export class Throttle {
  readonly #bandwidth: Bandwidth;
  readonly #clock: Clock;
  readonly #stopped = new AbortController();
  /** Octets left of the burst; below zero it is what those who wait are still owed. */
  #level: number;
  #filled: number;

  constructor(bandwidth: Bandwidth, clock: Clock) {
    this.#bandwidth = bandwidth;
    this.#clock = clock;
    this.#level = bandwidth.burst;
    this.#filled = clock.now();
  }

  /** Resolves when so many octets may go: in the order of the calls, and at once after `stop`. */
  async pass(octets: number): Promise<void> {
    const { rate, burst } = this.#bandwidth;
    const now = this.#clock.now();
    const gained = (Math.max(0, now - this.#filled) * rate) / SECOND;
    this.#level = Math.min(burst, this.#level + gained) - octets;
    this.#filled = now;
    if (this.#level < 0) await sleep(this.#clock, (-this.#level * SECOND) / rate, this.#stopped.signal);
  }

  /** Lets everybody go who waits or comes. */
  stop(): void {
    this.#stopped.abort();
  }
}
