// Messages that are removed, flagged and moved, and how others learn of it.

import { randomBytes } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import { DAY } from '../../src/base/time.ts';
import { CHUNK } from '../../src/store/limits.ts';
import { AMPLE, BOX, codeFrom, type Kit, octets } from './kit.ts';

export function changeTests(kit: Kit): void {
  describe('messages that change', () => {
    beforeEach(async () => {
      await kit.store.mailboxes.create({ id: BOX, quota: AMPLE });
    });

    test('are removed, each once', async () => {
      const made = await Promise.all(Array.from({ length: 450 }, (_, i) => kit.put(`${i}`)));
      const [kept = '', ...rest] = made;
      expect(await kit.store.messages.remove(BOX, [...rest, ...rest.slice(0, 3), '0'.repeat(32), 'junk'])).toBe(449);
      expect(await kit.store.messages.remove(BOX, rest)).toBe(0);
      expect(await kit.ids()).toEqual([kept]);
      expect((await kit.store.mailboxes.get(BOX))?.used.messages).toBe(1);
    });

    test.each([CHUNK, 2 * CHUNK, 20 * CHUNK + 1])(
      'of %i octets are read to the end when they are removed meanwhile',
      async (size) => {
        const body = randomBytes(size);
        const id = await kit.put(body);
        const reading = await kit.store.messages.read(BOX, id);
        const [partly, again] = [await kit.store.messages.read(BOX, id), await kit.store.messages.read(BOX, id)];
        for await (const chunk of partly?.chunks ?? []) if (chunk.length > 0) break;
        expect(await kit.store.messages.remove(BOX, [id])).toBe(1);
        expect(await kit.store.messages.read(BOX, id)).toBeUndefined();
        expect((await kit.store.usage()).bytes).toBe(0);
        await kit.store.sweep(1);
        expect((await octets(reading)).equals(body)).toBe(true);
        expect(await kit.store.mailboxes.remove(BOX)).toBe(true);
        await kit.store.sweep(2);
        expect((await octets(again)).equals(body)).toBe(true);
        await kit.store.sweep(3);
        expect(await kit.store.verify()).toEqual({ mailboxes: 0, messages: 0, bytes: 0, faults: [] });
      },
    );

    test('carry flags that are added and taken', async () => {
      const id = await kit.put('x', { flags: ['b'] });
      expect(await kit.store.messages.flag(BOX, id, { add: ['c', 'a'], remove: ['b', 'z'] })).toBe(true);
      expect((await kit.store.messages.find(BOX, id))?.flags).toEqual(['a', 'c']);
      const { modseq } = (await kit.store.messages.find(BOX, id)) ?? { modseq: 0 };
      expect(await kit.store.messages.flag(BOX, id, { add: ['a'] })).toBe(true);
      expect((await kit.store.messages.find(BOX, id))?.modseq).toBe(modseq);
      expect(await kit.store.messages.flag(BOX, '0'.repeat(32), { add: ['a'] })).toBe(false);
      expect(await kit.store.messages.move(BOX, '0'.repeat(32), 'F')).toBe(false);
      const many = Array.from({ length: 65 }, (_, i) => `f${i}`);
      expect(await codeFrom(kit.store.messages.flag(BOX, id, { add: many }))).toBe('invalid');
      expect(await codeFrom(kit.store.messages.flag(BOX, id, { add: many.slice(0, 64) }))).toBe('invalid');
      expect((await kit.store.messages.find(BOX, id))?.flags).toEqual(['a', 'c']);
    });

    test('tell what changed since', async () => {
      const [a, b, c] = [await kit.put('a'), await kit.put('b'), await kit.put('c')];
      const start = await kit.store.messages.changes(BOX, 0, 100);
      expect(start.messages.map(({ id }) => id)).toEqual([a, b, c]);
      expect([start.gone, start.more]).toEqual([[], false]);
      expect(start.modseq).toBe((await kit.store.mailboxes.get(BOX))?.modseq);
      expect(await kit.store.messages.changes(BOX, start.modseq, 100)).toMatchObject({ messages: [], gone: [] });
      await kit.store.messages.remove(BOX, [b]);
      await kit.store.messages.flag(BOX, a, { add: ['seen'] });
      await kit.store.messages.move(BOX, c, 'F');
      const d = await kit.put('d');
      const next = await kit.store.messages.changes(BOX, start.modseq, 100);
      expect(next.messages.map(({ id }) => id)).toEqual([a, c, d]);
      expect([next.gone, next.more, next.forgotten]).toEqual([
        [{ id: b, folder: 'inbox', name: undefined }],
        false,
        false,
      ]);

      const seen: string[] = [];
      let [from, more] = [start.modseq, true];
      while (more) {
        const step = await kit.store.messages.changes(BOX, from, 1);
        seen.push(...step.gone.map(({ id }) => id), ...step.messages.map(({ id }) => id));
        [from, more] = [step.modseq, step.more];
      }
      expect(seen).toEqual([b, a, c, d]);
      expect(from).toBe(next.modseq);
    });

    test('tell it alike in one step and in many, from wherever one asks', async () => {
      type Known = { readonly modseq: number; readonly messages: ReadonlyMap<string, number> };
      const known: Known[] = [{ modseq: 0, messages: new Map() }];
      const made: string[] = [];
      for (let i = 0; i < 40; i += 1) {
        const old = made[(i * 7) % Math.max(1, made.length)] ?? '';
        const older = made[(i * 3) % Math.max(1, made.length)] ?? '';
        if (i % 3 !== 1) made.push(await kit.put(`${i}`, { folder: i % 4 === 0 ? 'F' : 'inbox' }));
        else if (i % 2 === 0) await kit.store.messages.flag(BOX, old, { add: [`f${i}`] });
        else await kit.store.messages.move(BOX, old, i % 4 === 1 ? 'G' : 'inbox');
        if (i % 5 === 4) await kit.store.messages.remove(BOX, [older]);
        const { messages } = await kit.store.messages.page(BOX, { limit: 1000 });
        const modseq = (await kit.store.mailboxes.get(BOX))?.modseq ?? 0;
        known.push({ modseq, messages: new Map(messages.map((message) => [message.id, message.modseq])) });
      }
      const now = known.at(-1)?.messages ?? new Map<string, number>();
      for (const { modseq, messages } of known) {
        const altered = [...now].filter(([, last]) => last > modseq).sort(([, a], [, b]) => a - b);
        const gone = [...messages.keys()].filter((id) => !now.has(id));
        for (const limit of [1, 2, 7, 1000]) {
          const told = { messages: [] as string[], gone: [] as string[] };
          for (let [from, more] = [modseq, true]; more; ) {
            const step = await kit.store.messages.changes(BOX, from, limit);
            expect(step.messages.length + step.gone.length).toBeLessThanOrEqual(limit);
            told.messages.push(...step.messages.map(({ id }) => id));
            told.gone.push(...step.gone.map(({ id }) => id));
            [from, more] = [step.modseq, step.more];
          }
          expect(told.messages).toEqual(altered.map(([id]) => id));
          expect(told.gone).toEqual(expect.arrayContaining(gone));
          expect(told.gone.filter((id) => now.has(id))).toEqual([]);
        }
      }
    });

    test('forget removals after a month, and say so', async () => {
      const id = await kit.put('x');
      const { modseq } = await kit.store.messages.changes(BOX, 0, 10);
      await kit.store.messages.remove(BOX, [id]);
      await kit.store.sweep(0);
      await kit.store.sweep(29 * DAY);
      expect(await kit.store.messages.changes(BOX, modseq, 10)).toMatchObject({ gone: [{ id }], forgotten: false });
      await kit.store.sweep(31 * DAY);
      expect(await kit.store.messages.changes(BOX, modseq, 10)).toMatchObject({ gone: [], forgotten: true });
      const now = await kit.store.messages.changes(BOX, 0, 10);
      expect(now.forgotten).toBe(false);
      expect((await kit.store.messages.changes(BOX, now.modseq, 10)).forgotten).toBe(false);
    });

    test('wake those who watch, and only them', async () => {
      const woken: string[] = [];
      const ends = [
        kit.store.messages.watch(BOX, () => woken.push('one')),
        kit.store.messages.watch(BOX, () => woken.push('two')),
      ];
      await kit.store.mailboxes.create({ id: 'smallmail/other', quota: AMPLE });
      await kit.put('x', {}, 'smallmail/other');
      expect(woken).toEqual([]);
      const id = await kit.put('x', { expires: 50 });
      expect(woken.splice(0)).toEqual(['one', 'two']);
      ends[0]?.();
      await kit.store.messages.flag(BOX, id, { add: ['a'] });
      await kit.store.messages.flag(BOX, id, { add: ['a'] });
      await kit.store.messages.move(BOX, id, 'F');
      expect(woken.splice(0)).toEqual(['two', 'two']);
      await kit.store.sweep(60);
      expect(woken.splice(0)).toEqual(['two']);
      await kit.store.mailboxes.remove(BOX);
      expect(woken.splice(0)).toEqual(['two']);
      ends[1]?.();
      await kit.store.mailboxes.create({ id: BOX, quota: AMPLE });
      await kit.put('x');
      expect(woken).toEqual([]);
    });

    test('of 32 appenders at once are all there, in the order of their uids', async () => {
      const made = await Promise.all(
        Array.from({ length: 32 }, async (_, who) => {
          const mine: string[] = [];
          for (let i = 0; i < 20; i += 1) mine.push(await kit.put(`${who} ${i}`));
          return mine;
        }),
      );
      const order = await kit.ids();
      expect(order).toHaveLength(640);
      expect(new Set(order)).toEqual(new Set(made.flat()));
      for (const mine of made) expect(order.filter((id) => mine.includes(id))).toEqual(mine);
      expect((await kit.store.verify()).faults).toEqual([]);
    });
  });
}
