// A token bucket for each of many names, in bounded memory: past its limit, the names used least lately start afresh.

import { Recent } from '../base/recent.ts';
import type { Clock } from '../base/time.ts';
import { type Rate, TokenBucket } from '../base/token-bucket.ts';

const MOST = 100_000;

export class KeyedBuckets {
  readonly #rate: Rate;
  readonly #clock: Clock;
  readonly #buckets: Recent<string, TokenBucket>;

  constructor(rate: Rate, clock: Clock, most = MOST) {
    this.#rate = rate;
    this.#clock = clock;
    this.#buckets = new Recent(most);
  }

  /** Takes one of `name`'s tokens, or says that there is none. */
  take(name: string): boolean {
    let bucket = this.#buckets.get(name);
    if (bucket === undefined) {
      bucket = new TokenBucket(this.#rate, this.#clock);
      this.#buckets.set(name, bucket);
    }
    return bucket.take();
  }
}
