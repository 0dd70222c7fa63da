import { beforeEach, describe, expect, test } from 'vitest';
import { openTestPost, type TestPost } from '../../test/support/post.ts';
import { DAY, HOUR, MINUTE, SECOND, VirtualClock } from '../base/time.ts';
import { type Attempt, Outbound, type OutboundOptions } from './outbound.ts';
import { MAIL_RETRIES, retryWait } from './retry.ts';

let clock: VirtualClock;
let post: TestPost;
beforeEach(async () => {
  clock = new VirtualClock();
  post = await openTestPost(clock);
  return () => post[Symbol.asyncDispose]();
});

/** An outbound worker whose attempts end as `fates` says, one after another, the last one for ever. */
function worker(fates: Attempt[], changes: Partial<OutboundOptions> = {}) {
  const tried: { id: string; text: string; at: number }[] = [];
  const given: { id: string; reason: string }[] = [];
  const outbound = new Outbound(post, {
    queue: 'out',
    async attempt(job) {
      tried.push({ id: job.id, text: String(job.body), at: clock.now() });
      const fate = fates.length > 1 ? fates.shift() : fates[0];
      if (fate === undefined) throw new Error('the line is down');
      return fate;
    },
    async giveUp(job, reason) {
      given.push({ id: job.id, reason });
    },
    ...changes,
  });
  outbound.start();
  return { outbound, tried, given };
}

/** Turns the clock in steps, and in between lets the worker do what is due, however slow the store's threads are today. */
async function pass(ms: number, until: () => boolean | Promise<boolean>): Promise<void> {
  for (let step = 0; step < 200 && !(await until()); step += 1) {
    await clock.advance(ms / 200);
    // The worker goes to the store at most so often before it sleeps again; calls are answered in turn.
    for (let turn = 0; turn < 4; turn += 1) await post.store.queues.finish('another', 'none');
  }
}
const isEmpty = async () => (await post.store.queues.count('out')) === 0;

describe('a job', () => {
  test('that the other side takes leaves the queue', async () => {
    const { outbound, tried, given } = worker([{ fate: 'done' }]);
    expect(await outbound.push('a', Buffer.from('letter'))).toBe(true);
    await pass(MINUTE, isEmpty);
    expect(tried).toMatchObject([{ id: 'a', text: 'letter' }]);
    expect(given).toEqual([]);
    await outbound.stop(SECOND);
  });

  test('is tried again by the schedule, with what is left of it, and given up after five days', async () => {
    const start = clock.now();
    const { outbound, tried, given } = worker([{ fate: 'later', body: Buffer.from('rest') }, { fate: 'later' }]);
    await outbound.push('a', Buffer.from('letter'));
    await pass(2 * HOUR, () => tried.length >= 5); // the quick tries
    await pass(8 * DAY, isEmpty);
    expect(tried[0]?.text).toBe('letter');
    expect(tried[1]?.text).toBe('rest');
    expect(tried.length).toBeGreaterThan(15);
    expect(tried.at(-1)?.at).toBeLessThanOrEqual(start + 5 * DAY + HOUR);
    expect(given).toEqual([{ id: 'a', reason: 'expired' }]);
    await outbound.stop(SECOND);
  });

  test('that is refused is given up at once', async () => {
    const { outbound, tried, given } = worker([{ fate: 'refused', reason: 'no such mailbox' }]);
    await outbound.push('a', Buffer.from('letter'));
    await pass(MINUTE, isEmpty);
    expect([tried.length, given]).toEqual([1, [{ id: 'a', reason: 'no such mailbox' }]]);
    await outbound.stop(SECOND);
  });

  test('whose attempt throws stays', async () => {
    const { outbound, tried } = worker([]);
    await outbound.push('a', Buffer.from('letter'));
    await pass(3 * MINUTE, () => tried.length >= 2);
    expect(tried.length).toBeGreaterThanOrEqual(2);
    await outbound.stop(SECOND);
    expect(await isEmpty()).toBe(false);
  });
});

test('jobs that are due again at once are tried again at once', async () => {
  const tries = new Map<string, number>();
  const { outbound } = worker([], {
    schedule: { waits: [0], patience: DAY },
    concurrency: 4,
    async attempt({ id }) {
      const count = (tries.get(id) ?? 0) + 1;
      tries.set(id, count);
      return { fate: count < 10 ? 'later' : 'done' };
    },
  });
  for (let job = 0; job < 20; job += 1) await outbound.push(`job ${job}`, Buffer.from('x'));
  await expect.poll(isEmpty, { timeout: 10_000 }).toBe(true);
  expect(new Set(tries.values())).toEqual(new Set([10]));
  await outbound.stop(SECOND);
});

test('a job under way when the worker stops is tried by the next one at once, whatever its lease says', async () => {
  let begun = 0;
  const stuck = new Outbound(post, {
    queue: 'out',
    attempt: (_job, signal) => {
      begun += 1;
      return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('stopped'))));
    },
    giveUp: async () => {},
  });
  stuck.start();
  await stuck.push('a', Buffer.from('letter'));
  await pass(MINUTE, () => begun === 1);
  await stuck.stop(SECOND);
  const { outbound, tried } = worker([{ fate: 'done' }]);
  await pass(SECOND, isEmpty);
  expect(tried).toMatchObject([{ id: 'a' }]);
  await outbound.stop(SECOND);
});

test('a job that is taken up is tried now, though it was put off', async () => {
  const later = clock.now() + DAY;
  await post.store.queues.push('out', { id: 'a', body: Buffer.from('letter'), accepted: 0, notBefore: later });
  const { outbound, tried } = worker([{ fate: 'done' }]);
  await outbound.takeUp('a', Buffer.from('unused'));
  await outbound.takeUp('b', Buffer.from('new'));
  await pass(MINUTE, isEmpty);
  expect(tried.map(({ text }) => text).sort()).toEqual(['letter', 'new']);
  await outbound.stop(SECOND);
});

test('a job that somebody else makes due is tried at once', async () => {
  const { outbound, tried } = worker([{ fate: 'later' }, { fate: 'done' }]);
  await post.store.queues.push('out', { id: 'a', body: Buffer.from('letter'), accepted: clock.now() });
  await pass(SECOND, () => tried.length === 1);
  const putOff = async () => ((await post.store.queues.nextDue('out')) ?? 0) - clock.now();
  await pass(SECOND, async () => (await putOff()) > 0 && (await putOff()) < 10 * MINUTE); // the lease was longer
  await post.store.queues.postpone('out', 'a', clock.now());
  await pass(SECOND, isEmpty);
  expect(tried).toHaveLength(2);
  await outbound.stop(SECOND);
});

test('so many are tried at once and no more', async () => {
  let [now, most] = [0, 0];
  const gate = Promise.withResolvers<void>();
  const outbound = new Outbound(post, {
    queue: 'out',
    concurrency: 3,
    async attempt() {
      now += 1;
      most = Math.max(most, now);
      await gate.promise;
      now -= 1;
      return { fate: 'done' };
    },
    giveUp: async () => {},
  });
  outbound.start();
  for (let job = 0; job < 12; job += 1) await outbound.push(`job ${job}`, Buffer.from('x'));
  await pass(MINUTE, () => now >= 3);
  await pass(MINUTE, () => now > 3); // nobody else comes in
  gate.resolve();
  await pass(MINUTE, isEmpty);
  expect(most).toBe(3);
  await outbound.stop(SECOND);
});

/** More of one lane than may wait in memory. */
const CROWD = 1100;

test('jobs of a slow lane keep those of others waiting by no moment, and each is tried once', async () => {
  const gate = Promise.withResolvers<void>();
  const tried: string[] = [];
  const outbound = new Outbound(post, {
    queue: 'out',
    concurrency: 6,
    lanes: { of: ({ id }) => id.slice(0, 4), places: 2 },
    async attempt({ id }) {
      tried.push(id);
      if (id.startsWith('slow')) await gate.promise;
      return { fate: 'done' };
    },
    giveUp: async () => {},
  });
  const begun = (lane: string) => tried.filter((id) => id.startsWith(lane)).length;
  const crowd = Array.from({ length: CROWD }, (_, job) => outbound.push(`slow ${job}`, Buffer.from('x')));
  await Promise.all(crowd);
  for (let job = 0; job < 20; job += 1)
    for (const lane of ['mild', 'fast']) await outbound.push(`${lane} ${job}`, Buffer.from('x'));
  outbound.start();
  await expect.poll(() => begun('mild') + begun('fast'), { timeout: 20_000 }).toBe(40);
  expect([begun('slow'), begun('mild'), begun('fast')]).toEqual([2, 20, 20]);
  gate.resolve();
  await expect.poll(() => begun('slow'), { timeout: 20_000 }).toBeGreaterThanOrEqual(1000);
  for (let crowded = true; crowded; crowded = !(await isEmpty())) {
    await clock.advance(MINUTE / 2);
    await new Promise((resolve) => setTimeout(resolve, 100)); // far less than leases last is passed in all
  }
  expect(tried.length).toBe(new Set(tried).size);
  expect(begun('slow')).toBe(CROWD);
  await outbound.stop(SECOND);
});

test('jobs that wait for a place when the worker stops are there at once for the next one', async () => {
  const { outbound } = worker([], {
    lanes: { of: () => 'one', places: 1 },
    attempt: (_job, signal) =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('stopped')))),
  });
  for (const id of ['a', 'b', 'c']) await outbound.push(id, Buffer.from(id));
  await pass(MINUTE, async () => ((await post.store.queues.nextDue('out')) ?? 0) > clock.now());
  await outbound.stop(SECOND);
  const next = worker([{ fate: 'done' }]);
  await pass(SECOND, isEmpty);
  expect(next.tried).toHaveLength(3);
  await next.outbound.stop(SECOND);
});

test('a queue that is worked in rounds is left alone between them', async () => {
  const tried: number[] = [];
  const given: string[] = [];
  const start = clock.now();
  const outbound = new Outbound(post, {
    queue: 'out',
    concurrency: 2,
    schedule: { ages: [HOUR, 3 * HOUR] },
    async attempt() {
      tried.push(clock.now() - start);
      return { fate: 'later' };
    },
    giveUp: async (_job, reason) => void given.push(reason),
  });
  for (const id of ['a', 'b', 'c']) await outbound.push(id, Buffer.from('x'));
  await outbound.round();
  await outbound.round();
  expect(tried).toEqual([0, 0, 0]);
  await clock.advance(HOUR - 1);
  await outbound.round();
  expect(tried).toHaveLength(3);
  await clock.advance(1);
  await outbound.round();
  expect([tried.slice(3), given]).toEqual([[HOUR, HOUR, HOUR], []]);
  await clock.advance(3 * HOUR);
  await outbound.round();
  expect([tried.length, given]).toEqual([9, ['expired', 'expired', 'expired']]);
  expect(await isEmpty()).toBe(true);
});

test('waits grow, then stay, then end', () => {
  expect(retryWait(MAIL_RETRIES, 1, 0)).toBe(MINUTE);
  expect(retryWait(MAIL_RETRIES, 7, DAY)).toBe(4 * HOUR);
  expect(retryWait(MAIL_RETRIES, 30, DAY)).toBe(4 * HOUR);
  expect(retryWait(MAIL_RETRIES, 30, 5 * DAY - HOUR)).toBeUndefined();

  const ages = { ages: [HOUR, DAY] };
  expect([0, HOUR - 1, HOUR, DAY - 1, DAY].map((age) => retryWait(ages, 1, age))).toEqual([
    HOUR,
    1,
    DAY - HOUR,
    1,
    undefined,
  ]);
});
