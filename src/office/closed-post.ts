// The post as it is in an office that is closed: the store and the machine's own clock, and nobody who listens.

import { silentLog } from '../base/log.ts';
import { noMetrics } from '../base/metrics.ts';
import { systemRandom } from '../base/random.ts';
import { systemClock } from '../base/time.ts';
import { systemResolver } from '../net/resolver.ts';
import { LocalDelivery } from '../post/local-delivery.ts';
import { OutgoingMail } from '../post/outgoing-mail.ts';
import type { Post } from '../post/post.ts';
import { Services } from '../post/services.ts';
import type { Store } from '../store/store.ts';

export function closedPost(store: Store): Post {
  return {
    store,
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
    metrics: noMetrics,
    resolver: systemResolver,
    local: new LocalDelivery(),
    outgoing: new OutgoingMail(),
    services: new Services(),
  };
}
