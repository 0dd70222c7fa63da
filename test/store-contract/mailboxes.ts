// Mailboxes and their folders.

import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { CHUNK } from '../../src/store/limits.ts';
import { AMPLE, BOX, codeFrom, type Kit } from './kit.ts';

export function mailboxTests(kit: Kit): void {
  describe('mailboxes', () => {
    test('are made once, with their documents, and read back', async () => {
      const draft = { id: BOX, quota: { bytes: 10, messages: 2 }, expires: 5, documents: { key: Buffer.from('K') } };
      expect(await kit.store.mailboxes.create(draft)).toBe(true);
      expect(await kit.store.mailboxes.create({ ...draft, quota: AMPLE, documents: { key: Buffer.from('L') } })).toBe(
        false,
      );
      expect(await kit.store.mailboxes.get(BOX)).toMatchObject({
        id: BOX,
        quota: { bytes: 10, messages: 2 },
        used: { bytes: 0, messages: 0 },
        expires: 5,
      });
      expect(await kit.store.documents.get(BOX, 'key')).toEqual({ value: Buffer.from('K'), version: 1 });
      expect(await kit.store.mailboxes.get('smallmail/none')).toBeUndefined();
    });

    test('change in the parts that are given', async () => {
      await kit.store.mailboxes.create({ id: BOX, quota: AMPLE });
      const before = (await kit.store.mailboxes.get(BOX))?.modseq ?? 0;
      expect(await kit.store.mailboxes.change(BOX, { expires: 7 })).toBe(true);
      expect(await kit.store.mailboxes.get(BOX)).toMatchObject({ quota: AMPLE, expires: 7 });
      expect((await kit.store.mailboxes.get(BOX))?.modseq).toBeGreaterThan(before);
      await kit.store.mailboxes.change(BOX, { quota: { bytes: 1, messages: 1 } });
      expect(await kit.store.mailboxes.get(BOX)).toMatchObject({ quota: { bytes: 1, messages: 1 }, expires: 7 });
      await kit.store.mailboxes.change(BOX, { expires: null });
      expect((await kit.store.mailboxes.get(BOX))?.expires).toBeUndefined();
      expect(await kit.store.mailboxes.change('smallmail/none', { expires: 7 })).toBe(false);
    });

    test('leave nothing behind, also when one of the same name follows', async () => {
      await kit.store.mailboxes.create({ id: BOX, quota: AMPLE, documents: { key: Buffer.from('K') } });
      const key = Buffer.from('once');
      const old = await kit.put('text', { folder: 'Sent', once: { key, until: 9 } });
      await kit.put(randomBytes(3 * CHUNK));
      expect(await kit.store.mailboxes.remove(BOX)).toBe(true);
      expect(await kit.store.mailboxes.remove(BOX)).toBe(false);
      expect(await kit.store.documents.list(BOX)).toEqual([]);
      await kit.store.mailboxes.create({ id: BOX, quota: AMPLE });
      expect(await kit.ids()).toEqual([]);
      expect(await kit.store.messages.find(BOX, old)).toBeUndefined();
      expect(await kit.store.mailboxes.folders(BOX)).toEqual([]);
      await kit.put('again', { once: { key, until: 9 } });
      await kit.store.sweep(1);
      expect(await kit.ids()).toHaveLength(1);
      expect(await kit.store.verify()).toEqual({ mailboxes: 1, messages: 1, bytes: 5, faults: [] });
    });

    test('are listed in order, by prefix, page by page', async () => {
      const all = ['a/1', 'b/\u{1F600}', 'b/~', 'b/1', 'b/2', 'b/\uFB01', 'c/1'];
      for (const id of all) await kit.store.mailboxes.create({ id, quota: AMPLE });
      const sorted = all.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      expect(await kit.store.mailboxes.list({ limit: 100 })).toEqual(sorted);
      const inB = sorted.filter((id) => id.startsWith('b/'));
      expect(await kit.store.mailboxes.list({ prefix: 'b/', limit: 100 })).toEqual(inB);
      expect(await kit.store.mailboxes.list({ prefix: 'b/', limit: 2 })).toEqual(inB.slice(0, 2));
      expect(await kit.store.mailboxes.list({ prefix: 'b/', after: inB[1] ?? '', limit: 9 })).toEqual(inB.slice(2));
      expect(await kit.store.mailboxes.list({ prefix: 'b/', after: 'a/1', limit: 9 })).toEqual(inB);
      expect(await kit.store.mailboxes.list({ prefix: 'z', limit: 9 })).toEqual([]);
    });

    test('have folders, made or because they hold something', async () => {
      await kit.store.mailboxes.create({ id: BOX, quota: AMPLE });
      expect(await kit.store.mailboxes.createFolder(BOX, 'Drafts')).toBe(true);
      expect(await kit.store.mailboxes.createFolder(BOX, 'Drafts')).toBe(false);
      expect(await kit.store.mailboxes.createFolder('smallmail/none', 'Drafts')).toBe(false);
      const id = await kit.put('four', { folder: 'Sent' });
      await kit.put('seven..');
      expect(await kit.store.mailboxes.folders(BOX)).toEqual([
        { name: 'Drafts', messages: 0, bytes: 0, unread: 0, modseq: 1 },
        { name: 'Sent', messages: 1, bytes: 4, unread: 1, modseq: 2 },
        { name: 'inbox', messages: 1, bytes: 7, unread: 1, modseq: 3 },
      ]);
      expect(await kit.store.mailboxes.removeFolder(BOX, 'Sent')).toBe(false);
      expect(await kit.store.messages.move(BOX, id, 'Drafts')).toBe(true);
      expect((await kit.store.mailboxes.folders(BOX)).map(({ name }) => name)).toEqual(['Drafts', 'inbox']);
      expect(await kit.ids({ folder: 'Drafts' })).toEqual([id]);
      expect(await kit.store.mailboxes.removeFolder(BOX, 'Drafts')).toBe(false);
      await kit.store.messages.remove(BOX, [id]);
      expect((await kit.store.mailboxes.folders(BOX))[0]).toMatchObject({ name: 'Drafts', messages: 0, bytes: 0 });
      expect(await kit.store.mailboxes.removeFolder(BOX, 'Drafts')).toBe(true);
      expect(await kit.store.mailboxes.removeFolder(BOX, 'Drafts')).toBe(false);
    });

    test('refuse names and figures outside the limits', async () => {
      for (const id of ['', 'x'.repeat(256), 'a\nb', 'a\u0000', '\ud800']) {
        expect(await codeFrom(kit.store.mailboxes.create({ id, quota: AMPLE }))).toBe('invalid');
      }
      expect(await codeFrom(kit.store.mailboxes.create({ id: BOX, quota: { bytes: -1, messages: 1 } }))).toBe(
        'invalid',
      );
      expect(await codeFrom(kit.store.mailboxes.list({ limit: 0 }))).toBe('invalid');
      expect(await codeFrom(kit.store.mailboxes.list({ limit: 1001 }))).toBe('invalid');
    });
  });
}
