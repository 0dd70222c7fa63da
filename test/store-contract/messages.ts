// Messages as they are put, found, paged and read.

import { hash, randomBytes } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import { CHUNK } from '../../src/store/limits.ts';
import type { Store } from '../../src/store/store.ts';
import { AMPLE, BOX, codeFrom, type Kit, octets, pieces } from './kit.ts';

const sha256 = (bytes: Uint8Array): Buffer => hash('sha256', bytes, 'buffer');

export function messageTests(kit: Kit): void {
  describe('messages', () => {
    beforeEach(async () => {
      await kit.store.mailboxes.create({ id: BOX, quota: AMPLE });
    });

    test('come back as they were put, entry and octets', async () => {
      const body = randomBytes(5000);
      const index = randomBytes(300);
      const id = await kit.put(body, { flags: ['seen', 'a', 'seen'], index, folder: 'F', expires: 77, arrived: 66 });
      expect(id).toMatch(/^[0-9a-f]{32}$/);
      const message = await kit.store.messages.find(BOX, id);
      expect(message).toMatchObject({ id, folder: 'F', size: 5000, flags: ['a', 'seen'], arrived: 66, expires: 77 });
      expect(message?.sha256).toEqual(sha256(body));
      expect(message?.index).toEqual(index);
      const read = await kit.store.messages.read(BOX, id);
      expect(read?.message).toEqual(message);
      expect(await octets(read)).toEqual(body);
      expect(await kit.store.messages.find(BOX, '0'.repeat(32))).toBeUndefined();
      expect(await kit.store.messages.find(BOX, 'no id at all')).toBeUndefined();
      expect(await kit.store.messages.read('smallmail/none', id)).toBeUndefined();
    });

    test('are found under their id in their own mailbox alone', async () => {
      const other = 'smallmail/other';
      await kit.store.mailboxes.create({ id: other, quota: AMPLE });
      const id = await kit.put('here');
      const there = await kit.put('there', {}, other);
      expect(there).not.toBe(id);
      expect(await kit.store.messages.find(other, id)).toBeUndefined();
      expect(await kit.store.messages.read(other, id)).toBeUndefined();
      expect(await kit.store.messages.flag(other, id, { add: ['seen'] })).toBe(false);
      expect(await kit.store.messages.move(other, id, 'F')).toBe(false);
      expect(await kit.store.messages.remove(other, [id])).toBe(0);
      // The same place in a mailbox of the same name is another message.
      await kit.store.mailboxes.remove(other);
      await kit.store.mailboxes.create({ id: other, quota: AMPLE });
      expect(await kit.put('again', {}, other)).not.toBe(there);
      expect(await kit.store.messages.remove(other, [id, there])).toBe(0);
      expect(await kit.ids()).toEqual([id]);
    });

    test('have ids that tell neither order nor kinship', async () => {
      const made: string[] = [];
      for (let i = 0; i < 64; i += 1) made.push(await kit.put('x'));
      expect(made.toSorted()).not.toEqual(made);
      const bits = (id: string): string => BigInt(`0x${id}`).toString(2).padStart(128, '0');
      for (const [i, id] of made.entries()) {
        const next = bits(made[i + 1] ?? '0');
        const differing = [...bits(id)].filter((bit, place) => bit !== next[place]).length;
        expect(differing).toBeGreaterThan(24); // of 128 about half; less by chance once in 10^12 pairs
      }
    });

    test.each([0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 5 * CHUNK + 77])(
      'of %i octets are whole',
      async (size) => {
        const body = randomBytes(size);
        const direct = await kit.put(body);
        const received = await kit.store.messages.receive(BOX, pieces(body, 9999));
        expect([received.size, received.sha256]).toEqual([size, sha256(body)]);
        const appended = await kit.store.messages.append(BOX, { body: received, arrived: 0 });
        const ids = [direct, appended.status === 'stored' ? appended.id : ''];
        for (const id of ids) expect(await octets(await kit.store.messages.read(BOX, id))).toEqual(body);
        expect((await kit.store.mailboxes.get(BOX))?.used).toEqual({ bytes: 2 * size, messages: 2 });
        expect((await kit.store.verify()).faults).toEqual([]);
      },
    );

    test('are read in part', async () => {
      const body = randomBytes(3 * CHUNK + 10);
      const id = await kit.put(body);
      const short = await kit.put(body.subarray(0, 100));
      for (const [offset, length] of [
        [0, 10],
        [CHUNK - 1, 2],
        [CHUNK, CHUNK],
        [CHUNK + 5, 2 * CHUNK],
        [3 * CHUNK, 99],
        [9 * CHUNK, 5],
        [7, 0],
      ] as const) {
        const part = await kit.store.messages.read(BOX, id, { offset, length });
        const expected = body.subarray(offset, offset + length);
        expect(part).toMatchObject({ offset: Math.min(offset, body.length), length: expected.length });
        expect((await octets(part)).equals(expected)).toBe(true);
      }
      const part = await kit.store.messages.read(BOX, short, { offset: 90, length: 20 });
      expect(await octets(part)).toEqual(body.subarray(90, 100));
      expect(await octets(await kit.store.messages.read(BOX, short, { offset: 40 }))).toEqual(body.subarray(40, 100));
    });

    test('keep to the quota, in octets and in number', async () => {
      await kit.store.mailboxes.change(BOX, { quota: { bytes: 10, messages: 3 } });
      await kit.put('12345678');
      expect(await kit.store.messages.append(BOX, { body: Buffer.from('123'), arrived: 0 })).toEqual({
        status: 'full',
      });
      const two = await kit.put('12');
      await kit.put('');
      expect(await kit.store.messages.append(BOX, { body: Buffer.alloc(0), arrived: 0 })).toEqual({ status: 'full' });
      await kit.store.messages.remove(BOX, [two]);
      await kit.put('ab');
      expect((await kit.store.mailboxes.get(BOX))?.used).toEqual({ bytes: 10, messages: 3 });
    });

    test('say when there is no mailbox', async () => {
      const draft = { body: Buffer.from('x'), arrived: 0 };
      expect(await kit.store.messages.append('smallmail/none', draft)).toEqual({ status: 'no-mailbox' });
      const long = { body: randomBytes(2 * CHUNK), arrived: 0 };
      expect(await kit.store.messages.append('smallmail/none', long)).toEqual({ status: 'no-mailbox' });
      expect(await codeFrom(kit.store.messages.receive('smallmail/none', pieces(long.body, 999)))).toBe('no-mailbox');
      expect(await kit.store.messages.page('smallmail/none', { limit: 1 })).toEqual({ messages: [], next: undefined });
      expect(await kit.store.messages.remove('smallmail/none', ['0'.repeat(32)])).toBe(0);
    });

    test('with one key are stored once, in one mailbox, until it is swept', async () => {
      await kit.store.mailboxes.create({ id: 'smallmail/other', quota: AMPLE });
      const once = { key: Buffer.from('delivery'), until: 100 };
      const draft = { body: Buffer.from('text'), arrived: 0, once };
      const all = await Promise.all(Array.from({ length: 8 }, () => kit.store.messages.append(BOX, draft)));
      expect(all.map(({ status }) => status).sort()).toEqual(['duplicate', ...Array(6).fill('duplicate'), 'stored']);
      expect((await kit.store.messages.append('smallmail/other', draft)).status).toBe('stored');
      const stored = all.find((one) => one.status === 'stored');
      await kit.store.messages.remove(BOX, [stored?.status === 'stored' ? stored.id : '']);
      expect((await kit.store.messages.append(BOX, draft)).status).toBe('duplicate');
      await kit.store.sweep(99);
      expect((await kit.store.messages.append(BOX, draft)).status).toBe('duplicate');
      await kit.store.sweep(100);
      expect((await kit.store.messages.append(BOX, draft)).status).toBe('stored');
    });

    test('that do not fit leave their key free', async () => {
      await kit.store.mailboxes.change(BOX, { quota: { bytes: 3, messages: 9 } });
      const draft = { body: Buffer.from('text'), arrived: 0, once: { key: Buffer.from('k'), until: 9 } };
      expect((await kit.store.messages.append(BOX, draft)).status).toBe('full');
      await kit.store.mailboxes.change(BOX, { quota: AMPLE });
      expect((await kit.store.messages.append(BOX, draft)).status).toBe('stored');
    });

    test('are paged oldest first, by folder too', async () => {
      const made: string[] = [];
      for (let i = 0; i < 25; i += 1) made.push(await kit.put(`${i}`, { folder: i % 5 === 0 ? 'five' : 'inbox' }));
      const got: string[] = [];
      let last = 0;
      for (let after: number | undefined = 0; after !== undefined; ) {
        const page: Awaited<ReturnType<Store['messages']['page']>> = await kit.store.messages.page(BOX, {
          after,
          limit: 10,
        });
        expect(page.messages.length).toBeLessThanOrEqual(10);
        for (const { uid, id } of page.messages) {
          expect(uid).toBeGreaterThan(last);
          last = uid;
          got.push(id);
        }
        after = page.next;
      }
      expect(got).toEqual(made);
      expect(await kit.ids({ folder: 'five' })).toEqual(made.filter((_, i) => i % 5 === 0));
      const exact = await kit.store.messages.page(BOX, { folder: 'five', limit: 5 });
      expect(exact.next).toBeUndefined();
      expect(await codeFrom(kit.store.messages.page(BOX, { limit: 0 }))).toBe('invalid');
    });
  });
}
