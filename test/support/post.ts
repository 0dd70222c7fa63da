// A post office without an office: a real store in a folder of its own, and a clock that the test turns.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '../../src/base/log.ts';
import { noMetrics } from '../../src/base/metrics.ts';
import { systemRandom } from '../../src/base/random.ts';
import { type Clock, systemClock } from '../../src/base/time.ts';
import type { Post } from '../../src/post/post.ts';
import { openSqliteStore } from '../../src/store/sqlite/open.ts';

export interface TestPost extends Post, AsyncDisposable {}

export async function openTestPost(clock: Clock = systemClock): Promise<TestPost> {
  const folder = await mkdtemp(join(tmpdir(), 'postern-test-'));
  const store = await openSqliteStore({ file: join(folder, 'store.db') });
  return {
    store,
    clock,
    random: systemRandom,
    log: silentLog,
    metrics: noMetrics,
    async [Symbol.asyncDispose]() {
      await store.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
