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
      expect(await kit.store.mailboxes.folders(BOX)).toMatchObject([
        { name: 'inbox', messages: 3, bytes: 13, unread: 3 },
      ]);
      expect(await kit.store.messages.remove(BOX, [id])).toBe(1);
      expect(await kit.ids()).toEqual([first, last]);
      expect((await kit.store.verify()).faults).toEqual([]);
    });

    test('know what is unread and when they changed last', async () => {
      const about = async () =>
        (await kit.store.mailboxes.folders(BOX)).map(({ name, unread, modseq }) => [name, unread, modseq]);
      const [first, second] = [await kit.put('1'), await kit.put('2', { folder: 'F' })];
      await kit.put('3', { flags: ['read'] });
      expect(await about()).toEqual([
        ['F', 1, 2],
        ['inbox', 1, 3],
      ]);
      await kit.store.messages.flag(BOX, first, { add: ['read', 'x'] });
      await kit.store.messages.flag(BOX, first, { add: ['read', 'x'] });
      expect(await about()).toContainEqual(['inbox', 0, 4]);
      await kit.store.messages.move(BOX, first, 'F');
      expect(await about()).toEqual([
        ['F', 1, 5],
        ['inbox', 0, 5],
      ]);
      await kit.store.messages.flag(BOX, first, { remove: ['read'] });
      await kit.store.messages.remove(BOX, [second]);
      expect(await about()).toContainEqual(['F', 1, 7]);
      expect((await kit.store.verify()).faults).toEqual([]);
    });
  });

  test('messages are found by the name they were put under', async () => {
    await kit.store.mailboxes.create({ id: BOX, quota: AMPLE });
    await kit.store.mailboxes.create({ id: 'smallmail/other', quota: AMPLE });
    const name = Buffer.from('a name');
    const named = async () => (await kit.store.messages.named(BOX, name)).map(({ id }) => id);
    expect(await named()).toEqual([]);
    const [first, second] = [await kit.put('1', { name }), await kit.put('2', { name, folder: 'F' })];
    await kit.put('3', { name: Buffer.from('another') });
    await kit.put('4');
    await kit.put('5', { name }, 'smallmail/other');
    expect(await named()).toEqual([first, second]);
    await kit.store.messages.move(BOX, first, 'G');
    const { modseq } = await kit.store.messages.changes(BOX, 0, 100);
    await kit.store.messages.remove(BOX, [second]);
    expect(await named()).toEqual([first]);
    expect((await kit.store.messages.changes(BOX, modseq, 100)).gone).toEqual([{ id: second, folder: 'F', name }]);
  });
}
