// A stock of reply blocks over a real store: counted, spent in the order in which they expire, and never twice, wherever a crash
// came between two writes.   spec: mixminion-nym 5

import { afterEach, beforeEach, expect, test } from 'vitest';
import { TestHolder } from '../../../test/support/nym.ts';
import { openTestPost, type TestPost } from '../../../test/support/post.ts';
import { DAY, HOUR, VirtualClock } from '../../base/time.ts';
import { surbDigest } from '../../mixminion/packet/surb.ts';
import { SurbStock } from './surb-stock.ts';

const OWNER = 'nym/alice';
let clock: VirtualClock;
let post: TestPost;
let stock: SurbStock;
let alice: TestHolder;
beforeEach(async () => {
  clock = new VirtualClock();
  post = await openTestPost(clock);
  stock = new SurbStock(post);
  alice = new TestHolder({ clock });
});
afterEach(async () => await post[Symbol.asyncDispose]());

const names = async () => (await post.store.documents.list(OWNER)).toSorted();

test('what expires together lies together, and the first to expire goes first', async () => {
  const [late, soon] = [alice.surbs(14, 20 * DAY), alice.surbs(3, 10 * DAY)];
  expect(await stock.add(OWNER, [...late, ...soon])).toEqual({ added: 17, refused: [] });
  expect((await names()).map((name) => name.split('/')[2])).toEqual(['3', '12', '2']);
  expect(await stock.count(OWNER)).toBe(17);
  expect(await stock.spend(OWNER, 18)).toBeUndefined();
  expect(await stock.count(OWNER)).toBe(17);
  const first = await stock.spend(OWNER, 4);
  expect(first?.slice(0, 3).map(surbDigest)).toEqual(soon.map(surbDigest));
  const rest = await stock.spend(OWNER, 13);
  expect(new Set([...(first ?? []), ...(rest ?? [])].map(surbDigest)).size).toBe(17);
  expect(await names()).toEqual([]);
});

test('one that is held, was spent, is too old or one too many is not taken', async () => {
  const some = alice.surbs(2);
  await stock.add(OWNER, some);
  await stock.spend(OWNER, 1);
  const more = [...some, ...alice.surbs(1, 2 * HOUR), ...alice.surbs(1)];
  expect(await stock.add(OWNER, more)).toEqual({ added: 1, refused: ['known', 'known', 'expires'] });
  const [one] = alice.surbs(1);
  if (one === undefined) throw new Error('there is one');
  const many = Array.from({ length: 1000 }, () => ({ ...one, key: post.random.bytes(16) }));
  const { added, refused } = await stock.add(OWNER, many);
  expect({ added, refused: new Set(refused) }).toEqual({ added: 998, refused: new Set(['too-many']) });
  await stock.forget(OWNER);
  expect(await stock.count(OWNER)).toBe(0);
});

test('what expired is counted no more, and cleared away', async () => {
  await stock.add(OWNER, [...alice.surbs(2, 2 * DAY), ...alice.surbs(2, 5 * DAY)]);
  await clock.advance(2 * DAY);
  expect(await stock.count(OWNER)).toBe(2);
  expect(await names()).toHaveLength(1);
});

test('a bundle that comes back after a crash gives nothing a second time', async () => {
  await stock.add(OWNER, alice.surbs(5));
  const [name = ''] = await names();
  const whole = (await post.store.documents.get(OWNER, name))?.value ?? Buffer.alloc(0);
  const before = (await stock.spend(OWNER, 2)) ?? [];
  await post.store.documents.put(OWNER, name, whole); // as if its removal had not been reached
  expect(await stock.count(OWNER)).toBe(8);
  const after: string[] = [];
  for (let surbs = await stock.spend(OWNER, 1); surbs !== undefined; surbs = await stock.spend(OWNER, 1)) {
    after.push(...surbs.map(surbDigest));
  }
  expect(after).toHaveLength(3);
  expect(before.map(surbDigest).some((digest) => after.includes(digest))).toBe(false);
  expect(await stock.count(OWNER)).toBe(0);
});
