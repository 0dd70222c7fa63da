// What expires inside a mailbox: messages and keys, each at its own time, in whatever order the times came.

import { beforeEach, describe, expect, test } from 'vitest';
import { AMPLE, BOX, type Kit } from './kit.ts';

export function expiryTests(kit: Kit): void {
  describe('a sweep', () => {
    beforeEach(async () => {
      await kit.store.mailboxes.create({ id: BOX, quota: AMPLE });
    });

    const swept = async (now: number): Promise<number> => (await kit.store.sweep(now)).messages;

    test.each([
      ['rising', [10, 20, 30, 40, 50, 60]],
      ['falling', [60, 50, 40, 30, 20, 10]],
      ['mixed', [30, 60, 10, 50, 20, 40]],
    ])('takes messages at their time, when times come %s', async (_, times) => {
      const kept = [await kit.put('for ever')];
      for (const expires of times) await kit.put(`${expires}`, { expires, folder: expires % 20 === 0 ? 'F' : 'inbox' });
      kept.push(await kit.put('for ever too', { folder: 'F' }));
      for (const now of [9, 10, 29, 30, 59, 60]) {
        const due = times.filter((time) => time <= now).length;
        const before = (await kit.ids()).length;
        const taken = await swept(now);
        expect((await kit.ids()).length).toBe(before - taken);
        expect(before - taken).toBe(kept.length + times.length - due);
        expect((await kit.store.verify()).faults).toEqual([]);
      }
      expect(await kit.ids()).toEqual(kept);
    });

    test('takes those that came after an earlier sweep, sooner or later ones', async () => {
      await kit.put('a', { expires: 100 });
      expect(await swept(50)).toBe(0);
      await kit.put('b', { expires: 60 });
      await kit.put('c', { expires: 200 });
      expect(await swept(60)).toBe(1);
      expect(await swept(100)).toBe(1);
      await kit.put('d', { expires: 90 });
      expect(await swept(100)).toBe(1);
      expect(await swept(200)).toBe(1);
      await kit.put('e', { expires: 300 });
      expect(await swept(299)).toBe(0);
      expect(await swept(300)).toBe(1);
      expect(await kit.ids()).toEqual([]);
    });

    test('frees a key before its message or after it', async () => {
      const append = async (name: string, until: number, expires: number) => {
        const once = { key: Buffer.from(name), until };
        return (await kit.store.messages.append(BOX, { body: Buffer.from(name), arrived: 0, expires, once })).status;
      };
      expect(await append('', 30, 30)).toBe('stored'); // a key may be empty
      expect(await append('early', 10, 40)).toBe('stored');
      expect(await append('late', 50, 20)).toBe('stored');
      expect(await swept(10)).toBe(0);
      expect(await append('early', 12, 60)).toBe('stored');
      expect(await append('early', 99, 99)).toBe('duplicate');
      expect(await swept(20)).toBe(1);
      expect(await append('late', 99, 99)).toBe('duplicate');
      expect(await swept(29)).toBe(0);
      expect(await append('', 99, 99)).toBe('duplicate');
      expect(await swept(40)).toBe(2);
      expect(await append('late', 99, 99)).toBe('duplicate');
      expect(await swept(49)).toBe(0);
      expect(await append('late', 99, 99)).toBe('duplicate');
      expect(await swept(50)).toBe(0);
      expect(await append('late', 99, 99)).toBe('stored');
      expect((await kit.store.verify()).faults).toEqual([]);
    });

    test('goes through a large mailbox while others write to it', async () => {
      const many = Array.from({ length: 2500 }, (_, i) =>
        kit.put(`${i}`, {
          ...(i % 5 === 0 ? {} : { expires: 100 + (i % 5) }),
          once: { key: Buffer.from(`${(i * 7919) % 2500}`), until: 100 + (i % 3) },
        }),
      );
      const ids = await Promise.all(many);
      await kit.store.messages.flag(BOX, ids[2400] ?? '', { add: ['seen'] });
      let going = true;
      const during: string[] = [];
      const load = (async () => {
        for (let i = 0; going; i += 1) {
          const once = { key: Buffer.from(`0 ${i}`), until: 102 };
          during.push(await kit.put('meanwhile', { expires: i % 2 === 0 ? 102 : 500, once }));
          await kit.store.messages.flag(BOX, ids[i * 5] ?? '', { add: ['seen'] });
        }
      })();
      expect(await swept(101)).toBe(500);
      going = false;
      await load;
      expect((await kit.store.verify()).faults).toEqual([]);
      expect(await swept(102)).toBe(500 + during.filter((_, i) => i % 2 === 0).length);
      expect(await swept(104)).toBe(1000);
      const kept = [...ids.filter((_, i) => i % 5 === 0), ...during.filter((_, i) => i % 2 === 1)];
      const left = [...(await kit.ids()), ...(await rest(await kit.ids()))];
      expect(new Set(left)).toEqual(new Set(kept));
      const again = { body: Buffer.from('x'), arrived: 0, once: { key: Buffer.from('0 0'), until: 999 } };
      expect((await kit.store.messages.append(BOX, again)).status).toBe('stored');
      expect((await kit.store.verify()).faults).toEqual([]);
    });

    /** What lies beyond the first page, of which these are the ids. */
    async function rest(first: readonly string[]): Promise<string[]> {
      const last = await kit.store.messages.find(BOX, first.at(-1) ?? '');
      const page = await kit.store.messages.page(BOX, { after: last?.uid ?? 0, limit: 1000 });
      return page.messages.map(({ id }) => id);
    }
  });
}
