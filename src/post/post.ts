// What every counter is given: the store, the clock and the rest of what a post office shares.

import type { Log } from '../base/log.ts';
import type { Metrics } from '../base/metrics.ts';
import type { Random } from '../base/random.ts';
import type { Clock } from '../base/time.ts';
import type { Resolver } from '../net/resolver.ts';
import type { Store } from '../store/store.ts';
import type { LocalDelivery } from './local-delivery.ts';
import type { OutgoingMail } from './outgoing-mail.ts';
import type { Services } from './services.ts';

export interface Post {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly resolver: Resolver;
  /** Who owns the addresses of this office. */
  readonly local: LocalDelivery;
  /** The way out for ordinary mail. */
  readonly outgoing: OutgoingMail;
  /** What counters do for each other. */
  readonly services: Services;
}
