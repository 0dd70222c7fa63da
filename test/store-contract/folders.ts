// Messages in many folders, put there or moved there: each folder lists its own, and all together keep the order of arrival.

import { beforeEach, describe, expect, test } from 'vitest';
import type { Message } from '../../src/store/messages.ts';
import type { Store } from '../../src/store/store.ts';
import { AMPLE, BOX, type Kit } from './kit.ts';

const FOLDERS = ['inbox', 'Sent', 'Drafts', 'Archive', 'Trash', 'a', 'b', 'c', 'd', 'INBOX'];

/** All messages, `limit` a page. */
async function walk(store: Store, limit: number, folder?: string): Promise<Message[]> {
  const messages: Message[] = [];
  for (let after: number | undefined = 0; after !== undefined; ) {
    const request = folder === undefined ? { after, limit } : { after, limit, folder };
    const page: Awaited<ReturnType<Store['messages']['page']>> = await store.messages.page(BOX, request);
    messages.push(...page.messages);
    after = page.next;
  }
  return messages;
}

export function folderTests(kit: Kit): void {
  describe('messages in folders', () => {
    beforeEach(async () => {
      await kit.store.mailboxes.create({ id: BOX, quota: AMPLE });
    });

    test('are paged folder by folder and all together, after moves too', async () => {
      const where = new Map<string, string>();
      for (let i = 0; i < 60; i += 1) {
        const folder = FOLDERS[(i * i) % FOLDERS.length] ?? '';
        where.set(await kit.put(`${i}`, i % 3 === 0 && folder === 'inbox' ? {} : { folder }), folder);
      }
      for (const [i, id] of [...where.keys()].entries()) {
        if (i % 4 !== 0) continue;
        const folder = FOLDERS[(i * 7) % FOLDERS.length] ?? '';
        where.set(id, folder);
        expect(await kit.store.messages.move(BOX, id, folder)).toBe(true);
        if (i % 8 === 0) await kit.store.messages.flag(BOX, id, { add: ['seen'] });
      }
      for (const limit of [1, 7, 1000]) {
        const all = await walk(kit.store, limit);
        expect(all.map(({ id }) => id)).toEqual([...where.keys()]);
        for (const folder of [...FOLDERS, 'none']) {
          const expected = [...where].filter(([, name]) => name === folder).map(([id]) => id);
          expect((await walk(kit.store, limit, folder)).map(({ id }) => id)).toEqual(expected);
        }
      }
      const counted = await kit.store.mailboxes.folders(BOX);
      for (const { name, messages } of counted) {
        expect(messages).toBe([...where.values()].filter((folder) => folder === name).length);
      }
      expect((await kit.store.verify()).faults).toEqual([]);
    });

    test('that go and come back are what they were, but changed since', async () => {
      const [first, id, last] = [await kit.put('first'), await kit.put('text', { expires: 9 }), await kit.put('last')];
      const before = await kit.store.messages.find(BOX, id);
      for (const folder of ['F', 'G', 'inbox']) {
        expect(await kit.store.messages.move(BOX, id, folder)).toBe(true);
        expect(await kit.store.messages.move(BOX, id, folder)).toBe(true);
        expect(await kit.ids({ folder })).toContain(id);
      }
      const after = await kit.store.messages.find(BOX, id);
      expect(after).toEqual({ ...before, modseq: after?.modseq });
      expect(after?.modseq).toBeGreaterThan(before?.modseq ?? Number.POSITIVE_INFINITY);
      expect(await kit.ids()).toEqual([first, id, last]);
      expect(await kit.ids({ folder: 'inbox' })).toEqual([first, id, last]);
      expect(await kit.store.mailboxes.folders(BOX)).toEqual([{ name: 'inbox', messages: 3, bytes: 13 }]);
      expect(await kit.store.messages.remove(BOX, [id])).toBe(1);
      expect(await kit.ids()).toEqual([first, last]);
      expect((await kit.store.verify()).faults).toEqual([]);
    });
  });
}
