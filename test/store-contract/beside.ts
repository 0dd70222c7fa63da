// What a store keeps beside mail: queues, seen-sets, documents.

import { beforeEach, describe, expect, test } from 'vitest';
import { codeFrom, type Kit } from './kit.ts';

export function besideTests(kit: Kit): void {
  describe('queues', () => {
    let out: string;
    beforeEach(({ task }) => {
      out = task.id; // an empty queue for each test
    });
    const push = (id: string, notBefore: number, queue = out): Promise<boolean> =>
      kit.store.queues.push(queue, { id, body: Buffer.from(id), accepted: 3, notBefore });
    const lease = async (now: number, leaseUntil: number, limit = 10): Promise<string[]> =>
      (await kit.store.queues.lease(out, { now, leaseUntil, limit })).map(({ id }) => id);

    test('give jobs when they are due, earliest first, to one at a time', async () => {
      expect(await push('c', 30)).toBe(true);
      expect(await push('a', 10)).toBe(true);
      expect(await push('b', 20)).toBe(true);
      expect(await push('a', 5)).toBe(false);
      expect(await push('a', 5, 'other')).toBe(true);
      expect(await kit.store.queues.count(out)).toBe(3);
      expect(await kit.store.queues.nextDue(out)).toBe(10);
      expect(await lease(9, 100)).toEqual([]);
      expect(await lease(30, 100, 2)).toEqual(['a', 'b']);
      expect(await lease(30, 110)).toEqual(['c']);
      expect(await lease(99, 200)).toEqual([]);
      expect(await kit.store.queues.nextDue(out)).toBe(100);
      expect(await lease(100, 200)).toEqual(['a', 'b']);
      expect(await kit.store.queues.finish(out, 'a')).toBe(true);
      expect(await kit.store.queues.finish(out, 'a')).toBe(false);
      expect(await kit.store.queues.finish('none', 'a')).toBe(false);
      expect(await kit.store.queues.count(out)).toBe(2);
      expect(await kit.store.queues.nextDue('none')).toBeUndefined();
    });

    test('count attempts and take a job back with a new time and body', async () => {
      await push('a', 10);
      const [first] = await kit.store.queues.lease(out, { now: 10, leaseUntil: 60, limit: 1 });
      expect(first).toEqual({ id: 'a', body: Buffer.from('a'), attempts: 0, accepted: 3 });
      expect(await kit.store.queues.postpone(out, 'a', 40)).toBe(true);
      const [second] = await kit.store.queues.lease(out, { now: 40, leaseUntil: 60, limit: 1 });
      expect(second).toEqual({ id: 'a', body: Buffer.from('a'), attempts: 1, accepted: 3 });
      await kit.store.queues.postpone(out, 'a', 50, Buffer.from('rest'));
      const [third] = await kit.store.queues.lease(out, { now: 50, leaseUntil: 60, limit: 1 });
      expect(third).toEqual({ id: 'a', body: Buffer.from('rest'), attempts: 2, accepted: 3 });
      expect(await kit.store.queues.postpone(out, 'none', 50)).toBe(false);
    });

    test('end leases for whoever starts anew, and leave what was put off', async () => {
      for (const id of ['a', 'b', 'c']) await push(id, 10);
      expect(await lease(10, 1000)).toEqual(['a', 'b', 'c']);
      await kit.store.queues.postpone(out, 'b', 500);
      await kit.store.queues.finish(out, 'c');
      expect(await kit.store.queues.endLeases('none', 20)).toBe(0);
      expect(await kit.store.queues.endLeases(out, 20)).toBe(1);
      expect(await lease(19, 1000)).toEqual([]);
      expect(await lease(20, 1000)).toEqual(['a']);
      expect(await kit.store.queues.nextDue(out)).toBe(500);
    });

    test('watchers hear of jobs that come and of jobs that are due at another time, in their queue alone', async () => {
      let heard = 0;
      const stop = kit.store.queues.watch(out, () => {
        heard += 1;
      });
      await push('a', 10);
      expect(heard).toBe(1);
      await push('a', 10); // it is there
      await push('b', 10, `${out}/other`);
      expect(heard).toBe(1);
      expect(await lease(10, 50)).toEqual(['a']);
      await kit.store.queues.postpone(out, 'a', 40);
      expect(heard).toBe(2);
      await kit.store.queues.finish(out, 'a');
      stop();
      await push('c', 10);
      expect(heard).toBe(2);
    });

    test('never give one job to two who ask at once', async () => {
      await Promise.all(Array.from({ length: 50 }, (_, i) => push(`job ${i}`, i)));
      const taken = await Promise.all(Array.from({ length: 10 }, () => lease(100, 200, 7)));
      expect(taken.flat()).toHaveLength(50);
      expect(new Set(taken.flat()).size).toBe(50);
    });
  });

  test('seen-sets know a key again until it is swept', async () => {
    const [a, b] = [Buffer.from('a'), Buffer.from([0, 255, 0])];
    expect(await kit.store.seen.add('replay', [a, a, b], 10)).toEqual([true, false, true]);
    expect(await kit.store.seen.add('replay', [b], 30)).toEqual([false]);
    expect(await kit.store.seen.add('replay', [b], 20)).toEqual([false]);
    expect(await kit.store.seen.has('replay', a)).toBe(true);
    expect(await kit.store.seen.has('other', a)).toBe(false);
    expect((await kit.store.sweep(9)).seen).toBe(0);
    expect((await kit.store.sweep(29)).seen).toBe(1);
    expect([await kit.store.seen.has('replay', a), await kit.store.seen.has('replay', b)]).toEqual([false, true]);
    expect((await kit.store.sweep(30)).seen).toBe(1);
    expect(await kit.store.seen.add('replay', [], 1)).toEqual([]);
    expect(await codeFrom(kit.store.seen.add('replay', [Buffer.alloc(256)], 1))).toBe('invalid');
  });

  test('documents have versions, and change only from the one that was meant', async () => {
    const { documents } = kit.store;
    expect(await documents.get('office', 'key')).toBeUndefined();
    expect(await documents.put('office', 'key', Buffer.from('1'), 1)).toBeUndefined();
    expect(await documents.put('office', 'key', Buffer.from('1'), 0)).toBe(1);
    expect(await documents.put('office', 'key', Buffer.from('x'), 0)).toBeUndefined();
    expect(await documents.put('office', 'key', Buffer.from('2'))).toBe(2);
    expect(await documents.put('office', 'key', Buffer.from('3'), 2)).toBe(3);
    expect(await documents.get('office', 'key')).toEqual({ value: Buffer.from('3'), version: 3 });
    await documents.put('office', 'empty', Buffer.alloc(0));
    expect((await documents.get('office', 'empty'))?.value).toEqual(Buffer.alloc(0));
    expect(await documents.list('office')).toEqual(['empty', 'key']);
    const race = await Promise.all(
      Array.from({ length: 9 }, (_, i) => documents.put('office', 'key', Buffer.from([i]), 3)),
    );
    expect(race.filter((version) => version === 4)).toHaveLength(1);
    expect(await documents.remove('office', 'key')).toBe(true);
    expect(await documents.remove('office', 'key')).toBe(false);
    expect(await documents.list('office')).toEqual(['empty']);
  });
}
