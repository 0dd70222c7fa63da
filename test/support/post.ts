// A post office without an office: a real store in a folder of its own, and a clock that the test turns.

import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '../../src/base/log.ts';
import { noMetrics } from '../../src/base/metrics.ts';
import { systemRandom } from '../../src/base/random.ts';
import { type Clock, systemClock } from '../../src/base/time.ts';
import { fixedResolver, type Resolver } from '../../src/net/resolver.ts';
import { LocalDelivery } from '../../src/post/local-delivery.ts';
import { OutgoingMail } from '../../src/post/outgoing-mail.ts';
import type { Post } from '../../src/post/post.ts';
import { Services } from '../../src/post/services.ts';
import { openSqliteStore } from '../../src/store/sqlite/open.ts';

export interface TestPost extends Post, AsyncDisposable {
  /** An empty folder for what a counter keeps in files. */
  readonly folder: string;
}

export async function openTestPost(
  clock: Clock = systemClock,
  resolver: Resolver = fixedResolver({}),
): Promise<TestPost> {
  const folder = await mkdtemp(join(tmpdir(), 'postern-test-'));
  await mkdir(join(folder, 'counter'));
  const store = await openSqliteStore({ file: join(folder, 'store.db') });
  return {
    store,
    clock,
    random: systemRandom,
    log: silentLog,
    metrics: noMetrics,
    resolver,
    local: new LocalDelivery(),
    outgoing: new OutgoingMail(),
    services: new Services(),
    folder: join(folder, 'counter'),
    async [Symbol.asyncDispose]() {
      await store.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
