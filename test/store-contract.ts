// What every engine of the store must do, as tests: each engine's own test calls `storeContract` with a way to open an empty store.

import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { codeOf } from '../src/base/errors.ts';
import { CHUNK } from '../src/store/limits.ts';
import type { MessageDraft } from '../src/store/messages.ts';
import type { MessageOctets, Store } from '../src/store/store.ts';
import { modelTest } from './store-model.ts';

const AMPLE = { bytes: 1e9, messages: 1e6 };
const BOX = 'smallmail/ABCD';
const DAY = 86_400_000;

const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();

async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function octets(read: MessageOctets | undefined): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of read?.chunks ?? []) parts.push(part);
  return Buffer.concat(parts);
}

async function codeFrom(failing: Promise<unknown>): Promise<string | undefined> {
  return failing.then(
    () => 'no error',
    (error: unknown) => codeOf(error),
  );
}

/** Registers the tests of the contract. `open` gives an empty store each time; most tests share one, and leave no mailbox in it. */
export function storeContract(name: string, open: () => Promise<Store>): void {
  describe(`${name} keeps the contract of the store`, () => {
    let store: Store;
    beforeAll(async () => {
      store = await open();
    });
    afterAll(() => store.close());
    afterEach(async () => {
      for (const id of await store.mailboxes.list({ limit: 1000 })) await store.mailboxes.remove(id);
    });

    const put = async (body: Uint8Array | string, more: Partial<MessageDraft> = {}, box = BOX): Promise<string> => {
      const appended = await store.messages.append(box, { body: Buffer.from(body), arrived: 1000, ...more });
      if (appended.status !== 'stored') throw new Error(`not stored: ${appended.status}`);
      return appended.id;
    };
    const ids = async (request: { folder?: string } = {}): Promise<string[]> =>
      (await store.messages.page(BOX, { ...request, limit: 1000 })).messages.map(({ id }) => id);

    describe('mailboxes', () => {
      test('are made once, with their documents, and read back', async () => {
        const draft = { id: BOX, quota: { bytes: 10, messages: 2 }, expires: 5, documents: { key: Buffer.from('K') } };
        expect(await store.mailboxes.create(draft)).toBe(true);
        expect(await store.mailboxes.create({ ...draft, quota: AMPLE, documents: { key: Buffer.from('L') } })).toBe(
          false,
        );
        expect(await store.mailboxes.get(BOX)).toMatchObject({
          id: BOX,
          quota: { bytes: 10, messages: 2 },
          used: { bytes: 0, messages: 0 },
          expires: 5,
        });
        expect(await store.documents.get(BOX, 'key')).toEqual({ value: Buffer.from('K'), version: 1 });
        expect(await store.mailboxes.get('smallmail/none')).toBeUndefined();
      });

      test('change in the parts that are given', async () => {
        await store.mailboxes.create({ id: BOX, quota: AMPLE });
        const before = (await store.mailboxes.get(BOX))?.modseq ?? 0;
        expect(await store.mailboxes.change(BOX, { expires: 7 })).toBe(true);
        expect(await store.mailboxes.get(BOX)).toMatchObject({ quota: AMPLE, expires: 7 });
        expect((await store.mailboxes.get(BOX))?.modseq).toBeGreaterThan(before);
        await store.mailboxes.change(BOX, { quota: { bytes: 1, messages: 1 } });
        expect(await store.mailboxes.get(BOX)).toMatchObject({ quota: { bytes: 1, messages: 1 }, expires: 7 });
        await store.mailboxes.change(BOX, { expires: null });
        expect((await store.mailboxes.get(BOX))?.expires).toBeUndefined();
        expect(await store.mailboxes.change('smallmail/none', { expires: 7 })).toBe(false);
      });

      test('leave nothing behind, also when one of the same name follows', async () => {
        await store.mailboxes.create({ id: BOX, quota: AMPLE, documents: { key: Buffer.from('K') } });
        const key = Buffer.from('once');
        const old = await put('text', { folder: 'Sent', once: { key, until: 9 } });
        await put(randomBytes(3 * CHUNK));
        expect(await store.mailboxes.remove(BOX)).toBe(true);
        expect(await store.mailboxes.remove(BOX)).toBe(false);
        expect(await store.documents.list(BOX)).toEqual([]);
        await store.mailboxes.create({ id: BOX, quota: AMPLE });
        expect(await ids()).toEqual([]);
        expect(await store.messages.find(BOX, old)).toBeUndefined();
        expect(await store.mailboxes.folders(BOX)).toEqual([]);
        await put('again', { once: { key, until: 9 } });
        await store.sweep(1);
        expect(await ids()).toHaveLength(1);
        expect(await store.verify()).toEqual({ mailboxes: 1, messages: 1, bytes: 5, faults: [] });
      });

      test('are listed in order, by prefix, page by page', async () => {
        const all = ['a/1', 'b/\u{1F600}', 'b/~', 'b/1', 'b/2', 'b/\uFB01', 'c/1'];
        for (const id of all) await store.mailboxes.create({ id, quota: AMPLE });
        const sorted = all.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
        expect(await store.mailboxes.list({ limit: 100 })).toEqual(sorted);
        const inB = sorted.filter((id) => id.startsWith('b/'));
        expect(await store.mailboxes.list({ prefix: 'b/', limit: 100 })).toEqual(inB);
        expect(await store.mailboxes.list({ prefix: 'b/', limit: 2 })).toEqual(inB.slice(0, 2));
        expect(await store.mailboxes.list({ prefix: 'b/', after: inB[1] ?? '', limit: 9 })).toEqual(inB.slice(2));
        expect(await store.mailboxes.list({ prefix: 'b/', after: 'a/1', limit: 9 })).toEqual(inB);
        expect(await store.mailboxes.list({ prefix: 'z', limit: 9 })).toEqual([]);
      });

      test('have folders, made or because they hold something', async () => {
        await store.mailboxes.create({ id: BOX, quota: AMPLE });
        expect(await store.mailboxes.createFolder(BOX, 'Drafts')).toBe(true);
        expect(await store.mailboxes.createFolder(BOX, 'Drafts')).toBe(false);
        expect(await store.mailboxes.createFolder('smallmail/none', 'Drafts')).toBe(false);
        const id = await put('four', { folder: 'Sent' });
        await put('seven..');
        expect(await store.mailboxes.folders(BOX)).toEqual([
          { name: 'Drafts', messages: 0, bytes: 0 },
          { name: 'Sent', messages: 1, bytes: 4 },
          { name: 'inbox', messages: 1, bytes: 7 },
        ]);
        expect(await store.mailboxes.removeFolder(BOX, 'Sent')).toBe(false);
        expect(await store.messages.move(BOX, id, 'Drafts')).toBe(true);
        expect((await store.mailboxes.folders(BOX)).map(({ name }) => name)).toEqual(['Drafts', 'inbox']);
        expect(await ids({ folder: 'Drafts' })).toEqual([id]);
        expect(await store.mailboxes.removeFolder(BOX, 'Drafts')).toBe(false);
        await store.messages.remove(BOX, [id]);
        expect((await store.mailboxes.folders(BOX))[0]).toEqual({ name: 'Drafts', messages: 0, bytes: 0 });
        expect(await store.mailboxes.removeFolder(BOX, 'Drafts')).toBe(true);
        expect(await store.mailboxes.removeFolder(BOX, 'Drafts')).toBe(false);
      });

      test('refuse names and figures outside the limits', async () => {
        for (const id of ['', 'x'.repeat(256), 'a\nb', 'a\u0000', '\ud800']) {
          expect(await codeFrom(store.mailboxes.create({ id, quota: AMPLE }))).toBe('invalid');
        }
        expect(await codeFrom(store.mailboxes.create({ id: BOX, quota: { bytes: -1, messages: 1 } }))).toBe('invalid');
        expect(await codeFrom(store.mailboxes.list({ limit: 0 }))).toBe('invalid');
        expect(await codeFrom(store.mailboxes.list({ limit: 1001 }))).toBe('invalid');
      });
    });

    describe('messages', () => {
      beforeEach(async () => {
        await store.mailboxes.create({ id: BOX, quota: AMPLE });
      });

      test('come back as they were put, entry and octets', async () => {
        const body = randomBytes(5000);
        const index = randomBytes(300);
        const id = await put(body, { flags: ['seen', 'a', 'seen'], index, folder: 'F', expires: 77, arrived: 66 });
        expect(id).toMatch(/^[0-9a-f]{32}$/);
        const message = await store.messages.find(BOX, id);
        expect(message).toMatchObject({ id, folder: 'F', size: 5000, flags: ['a', 'seen'], arrived: 66, expires: 77 });
        expect(message?.sha256).toEqual(sha256(body));
        expect(message?.index).toEqual(index);
        const read = await store.messages.read(BOX, id);
        expect(read?.message).toEqual(message);
        expect(await octets(read)).toEqual(body);
        expect(await store.messages.find(BOX, '0'.repeat(32))).toBeUndefined();
        expect(await store.messages.find(BOX, 'no id at all')).toBeUndefined();
        expect(await store.messages.read('smallmail/none', id)).toBeUndefined();
      });

      test.each([0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 5 * CHUNK + 77])(
        'of %i octets are whole',
        async (size) => {
          const body = randomBytes(size);
          const direct = await put(body);
          const received = await store.messages.receive(BOX, pieces(body, 9999));
          expect([received.size, received.sha256]).toEqual([size, sha256(body)]);
          const appended = await store.messages.append(BOX, { body: received, arrived: 0 });
          const ids = [direct, appended.status === 'stored' ? appended.id : ''];
          for (const id of ids) expect(await octets(await store.messages.read(BOX, id))).toEqual(body);
          expect((await store.mailboxes.get(BOX))?.used).toEqual({ bytes: 2 * size, messages: 2 });
          expect((await store.verify()).faults).toEqual([]);
        },
      );

      test('are read in part', async () => {
        const body = randomBytes(3 * CHUNK + 10);
        const id = await put(body);
        const short = await put(body.subarray(0, 100));
        for (const [offset, length] of [
          [0, 10],
          [CHUNK - 1, 2],
          [CHUNK, CHUNK],
          [CHUNK + 5, 2 * CHUNK],
          [3 * CHUNK, 99],
          [9 * CHUNK, 5],
          [7, 0],
        ] as const) {
          const part = await store.messages.read(BOX, id, { offset, length });
          const expected = body.subarray(offset, offset + length);
          expect(part).toMatchObject({ offset: Math.min(offset, body.length), length: expected.length });
          expect((await octets(part)).equals(expected)).toBe(true);
        }
        const part = await store.messages.read(BOX, short, { offset: 90, length: 20 });
        expect(await octets(part)).toEqual(body.subarray(90, 100));
        expect(await octets(await store.messages.read(BOX, short, { offset: 40 }))).toEqual(body.subarray(40, 100));
      });

      test('keep to the quota, in octets and in number', async () => {
        await store.mailboxes.change(BOX, { quota: { bytes: 10, messages: 3 } });
        await put('12345678');
        expect(await store.messages.append(BOX, { body: Buffer.from('123'), arrived: 0 })).toEqual({ status: 'full' });
        const two = await put('12');
        await put('');
        expect(await store.messages.append(BOX, { body: Buffer.alloc(0), arrived: 0 })).toEqual({ status: 'full' });
        await store.messages.remove(BOX, [two]);
        await put('ab');
        expect((await store.mailboxes.get(BOX))?.used).toEqual({ bytes: 10, messages: 3 });
      });

      test('say when there is no mailbox', async () => {
        const draft = { body: Buffer.from('x'), arrived: 0 };
        expect(await store.messages.append('smallmail/none', draft)).toEqual({ status: 'no-mailbox' });
        const long = { body: randomBytes(2 * CHUNK), arrived: 0 };
        expect(await store.messages.append('smallmail/none', long)).toEqual({ status: 'no-mailbox' });
        expect(await codeFrom(store.messages.receive('smallmail/none', pieces(long.body, 999)))).toBe('no-mailbox');
        expect(await store.messages.page('smallmail/none', { limit: 1 })).toEqual({ messages: [], next: undefined });
        expect(await store.messages.remove('smallmail/none', ['0'.repeat(32)])).toBe(0);
      });

      test('with one key are stored once, in one mailbox, until it is swept', async () => {
        await store.mailboxes.create({ id: 'smallmail/other', quota: AMPLE });
        const once = { key: Buffer.from('delivery'), until: 100 };
        const draft = { body: Buffer.from('text'), arrived: 0, once };
        const all = await Promise.all(Array.from({ length: 8 }, () => store.messages.append(BOX, draft)));
        expect(all.map(({ status }) => status).sort()).toEqual(['duplicate', ...Array(6).fill('duplicate'), 'stored']);
        expect((await store.messages.append('smallmail/other', draft)).status).toBe('stored');
        const stored = all.find((one) => one.status === 'stored');
        await store.messages.remove(BOX, [stored?.status === 'stored' ? stored.id : '']);
        expect((await store.messages.append(BOX, draft)).status).toBe('duplicate');
        await store.sweep(99);
        expect((await store.messages.append(BOX, draft)).status).toBe('duplicate');
        await store.sweep(100);
        expect((await store.messages.append(BOX, draft)).status).toBe('stored');
      });

      test('that do not fit leave their key free', async () => {
        await store.mailboxes.change(BOX, { quota: { bytes: 3, messages: 9 } });
        const draft = { body: Buffer.from('text'), arrived: 0, once: { key: Buffer.from('k'), until: 9 } };
        expect((await store.messages.append(BOX, draft)).status).toBe('full');
        await store.mailboxes.change(BOX, { quota: AMPLE });
        expect((await store.messages.append(BOX, draft)).status).toBe('stored');
      });

      test('are paged oldest first, by folder too', async () => {
        const made: string[] = [];
        for (let i = 0; i < 25; i += 1) made.push(await put(`${i}`, { folder: i % 5 === 0 ? 'five' : 'inbox' }));
        const got: string[] = [];
        let last = 0;
        for (let after: number | undefined = 0; after !== undefined; ) {
          const page: Awaited<ReturnType<Store['messages']['page']>> = await store.messages.page(BOX, {
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
        expect(await ids({ folder: 'five' })).toEqual(made.filter((_, i) => i % 5 === 0));
        const exact = await store.messages.page(BOX, { folder: 'five', limit: 5 });
        expect(exact.next).toBeUndefined();
        expect(await codeFrom(store.messages.page(BOX, { limit: 0 }))).toBe('invalid');
      });

      test('are removed, each once', async () => {
        const made = await Promise.all(Array.from({ length: 450 }, (_, i) => put(`${i}`)));
        const [kept = '', ...rest] = made;
        expect(await store.messages.remove(BOX, [...rest, ...rest.slice(0, 3), '0'.repeat(32), 'junk'])).toBe(449);
        expect(await store.messages.remove(BOX, rest)).toBe(0);
        expect(await ids()).toEqual([kept]);
        expect((await store.mailboxes.get(BOX))?.used.messages).toBe(1);
      });

      test('are still read to the end when they are removed meanwhile', async () => {
        const body = randomBytes(20 * CHUNK + 1);
        const id = await put(body);
        const reading = await store.messages.read(BOX, id);
        const [partly, again] = [await store.messages.read(BOX, id), await store.messages.read(BOX, id)];
        for await (const chunk of partly?.chunks ?? []) if (chunk.length > 0) break;
        expect(await store.messages.remove(BOX, [id])).toBe(1);
        expect(await store.messages.read(BOX, id)).toBeUndefined();
        expect((await store.usage()).bytes).toBe(0);
        await store.sweep(1);
        expect((await octets(reading)).equals(body)).toBe(true);
        expect(await store.mailboxes.remove(BOX)).toBe(true);
        await store.sweep(2);
        expect((await octets(again)).equals(body)).toBe(true);
        await store.sweep(3);
        expect(await store.verify()).toEqual({ mailboxes: 0, messages: 0, bytes: 0, faults: [] });
      });

      test('carry flags that are added and taken', async () => {
        const id = await put('x', { flags: ['b'] });
        expect(await store.messages.flag(BOX, id, { add: ['c', 'a'], remove: ['b', 'z'] })).toBe(true);
        expect((await store.messages.find(BOX, id))?.flags).toEqual(['a', 'c']);
        const { modseq } = (await store.messages.find(BOX, id)) ?? { modseq: 0 };
        expect(await store.messages.flag(BOX, id, { add: ['a'] })).toBe(true);
        expect((await store.messages.find(BOX, id))?.modseq).toBe(modseq);
        expect(await store.messages.flag(BOX, '0'.repeat(32), { add: ['a'] })).toBe(false);
        expect(await store.messages.move(BOX, '0'.repeat(32), 'F')).toBe(false);
        const many = Array.from({ length: 65 }, (_, i) => `f${i}`);
        expect(await codeFrom(store.messages.flag(BOX, id, { add: many }))).toBe('invalid');
        expect(await codeFrom(store.messages.flag(BOX, id, { add: many.slice(0, 64) }))).toBe('invalid');
        expect((await store.messages.find(BOX, id))?.flags).toEqual(['a', 'c']);
      });

      test('tell what changed since', async () => {
        const [a, b, c] = [await put('a'), await put('b'), await put('c')];
        const start = await store.messages.changes(BOX, 0, 100);
        expect(start.messages.map(({ id }) => id)).toEqual([a, b, c]);
        expect([start.gone, start.more]).toEqual([[], false]);
        expect(start.modseq).toBe((await store.mailboxes.get(BOX))?.modseq);
        expect(await store.messages.changes(BOX, start.modseq, 100)).toMatchObject({ messages: [], gone: [] });
        await store.messages.remove(BOX, [b]);
        await store.messages.flag(BOX, a, { add: ['seen'] });
        await store.messages.move(BOX, c, 'F');
        const d = await put('d');
        const next = await store.messages.changes(BOX, start.modseq, 100);
        expect(next.messages.map(({ id }) => id)).toEqual([a, c, d]);
        expect([next.gone, next.more, next.forgotten]).toEqual([[b], false, false]);

        const seen: string[] = [];
        let [from, more] = [start.modseq, true];
        while (more) {
          const step = await store.messages.changes(BOX, from, 1);
          seen.push(...step.gone, ...step.messages.map(({ id }) => id));
          [from, more] = [step.modseq, step.more];
        }
        expect(seen).toEqual([b, a, c, d]);
        expect(from).toBe(next.modseq);
      });

      test('forget removals after a month, and say so', async () => {
        const id = await put('x');
        const { modseq } = await store.messages.changes(BOX, 0, 10);
        await store.messages.remove(BOX, [id]);
        await store.sweep(0);
        await store.sweep(29 * DAY);
        expect(await store.messages.changes(BOX, modseq, 10)).toMatchObject({ gone: [id], forgotten: false });
        await store.sweep(31 * DAY);
        expect(await store.messages.changes(BOX, modseq, 10)).toMatchObject({ gone: [], forgotten: true });
        const now = await store.messages.changes(BOX, 0, 10);
        expect(now.forgotten).toBe(false);
        expect((await store.messages.changes(BOX, now.modseq, 10)).forgotten).toBe(false);
      });

      test('wake those who watch, and only them', async () => {
        const woken: string[] = [];
        const ends = [
          store.messages.watch(BOX, () => woken.push('one')),
          store.messages.watch(BOX, () => woken.push('two')),
        ];
        await store.mailboxes.create({ id: 'smallmail/other', quota: AMPLE });
        await put('x', {}, 'smallmail/other');
        expect(woken).toEqual([]);
        const id = await put('x', { expires: 50 });
        expect(woken.splice(0)).toEqual(['one', 'two']);
        ends[0]?.();
        await store.messages.flag(BOX, id, { add: ['a'] });
        await store.messages.flag(BOX, id, { add: ['a'] });
        await store.messages.move(BOX, id, 'F');
        expect(woken.splice(0)).toEqual(['two', 'two']);
        await store.sweep(60);
        expect(woken.splice(0)).toEqual(['two']);
        await store.mailboxes.remove(BOX);
        expect(woken.splice(0)).toEqual(['two']);
        ends[1]?.();
        await store.mailboxes.create({ id: BOX, quota: AMPLE });
        await put('x');
        expect(woken).toEqual([]);
      });

      test('of 32 appenders at once are all there, in the order of their uids', async () => {
        const made = await Promise.all(
          Array.from({ length: 32 }, async (_, who) => {
            const mine: string[] = [];
            for (let i = 0; i < 20; i += 1) mine.push(await put(`${who} ${i}`));
            return mine;
          }),
        );
        const order = await ids();
        expect(order).toHaveLength(640);
        expect(new Set(order)).toEqual(new Set(made.flat()));
        for (const mine of made) expect(order.filter((id) => mine.includes(id))).toEqual(mine);
        expect((await store.verify()).faults).toEqual([]);
      });
    });

    describe('bodies', () => {
      beforeEach(async () => {
        await store.mailboxes.create({ id: BOX, quota: AMPLE });
      });

      test.each([CHUNK / 2, 5 * CHUNK])('of %i octets can be appended once, or not at all', async (size) => {
        const body = await store.messages.receive(BOX, pieces(randomBytes(size), 7777));
        expect(await store.usage()).toMatchObject({ messages: 0, bytes: 0 });
        await store.mailboxes.create({ id: 'smallmail/other', quota: AMPLE });
        expect(await codeFrom(store.messages.append('smallmail/other', { body, arrived: 0 }))).toBe('no-body');
        await store.mailboxes.change(BOX, { quota: { bytes: 1, messages: 1 } });
        expect((await store.messages.append(BOX, { body, arrived: 0 })).status).toBe('full');
        await store.mailboxes.change(BOX, { quota: AMPLE });
        expect((await store.messages.append(BOX, { body, arrived: 0 })).status).toBe('stored');
        await body.discard();
        expect(await codeFrom(store.messages.append(BOX, { body, arrived: 0 }))).toBe('no-body');
        const other = await store.messages.receive(BOX, pieces(randomBytes(size), 7777));
        await other.discard();
        await other.discard();
        expect(await codeFrom(store.messages.append(BOX, { body: other, arrived: 0 }))).toBe('no-body');
        await store.sweep(1);
        expect(await store.verify()).toEqual({ mailboxes: 2, messages: 1, bytes: size, faults: [] });
      });

      test('leave nothing when their sender breaks off', async () => {
        async function* broken(): AsyncGenerator<Buffer> {
          yield* pieces(randomBytes(6 * CHUNK), 5000);
          throw new Error('the line went dead');
        }
        await expect(store.messages.receive(BOX, broken())).rejects.toThrow('the line went dead');
        expect((await store.verify()).faults).toEqual([]);
      });

      test('end with their mailbox', async () => {
        const long = randomBytes(4 * CHUNK);
        const body = await store.messages.receive(BOX, pieces(long, CHUNK));
        await store.mailboxes.remove(BOX);
        expect((await store.messages.append(BOX, { body, arrived: 0 })).status).toBe('no-mailbox');
        await store.mailboxes.create({ id: BOX, quota: AMPLE });
        expect(await codeFrom(store.messages.append(BOX, { body, arrived: 0 }))).toBe('no-body');
      });

      test('that nobody appends are swept after a day', async () => {
        const body = await store.messages.receive(BOX, pieces(randomBytes(3 * CHUNK), CHUNK));
        expect((await store.sweep(DAY)).uploads).toBe(0);
        expect((await store.sweep(1.9 * DAY)).uploads).toBe(0);
        expect((await store.sweep(2.1 * DAY)).uploads).toBe(1);
        expect(await codeFrom(store.messages.append(BOX, { body, arrived: 0 }))).toBe('no-body');
        expect(await store.verify()).toMatchObject({ messages: 0, faults: [] });
      });
    });

    describe('queues', () => {
      let out: string;
      beforeEach(({ task }) => {
        out = task.id; // an empty queue for each test
      });
      const push = (id: string, notBefore: number, queue = out): Promise<boolean> =>
        store.queues.push(queue, { id, body: Buffer.from(id), accepted: 3, notBefore });
      const lease = async (now: number, leaseUntil: number, limit = 10): Promise<string[]> =>
        (await store.queues.lease(out, { now, leaseUntil, limit })).map(({ id }) => id);

      test('give jobs when they are due, earliest first, to one at a time', async () => {
        expect(await push('c', 30)).toBe(true);
        expect(await push('a', 10)).toBe(true);
        expect(await push('b', 20)).toBe(true);
        expect(await push('a', 5)).toBe(false);
        expect(await push('a', 5, 'other')).toBe(true);
        expect(await store.queues.count(out)).toBe(3);
        expect(await store.queues.nextDue(out)).toBe(10);
        expect(await lease(9, 100)).toEqual([]);
        expect(await lease(30, 100, 2)).toEqual(['a', 'b']);
        expect(await lease(30, 110)).toEqual(['c']);
        expect(await lease(99, 200)).toEqual([]);
        expect(await store.queues.nextDue(out)).toBe(100);
        expect(await lease(100, 200)).toEqual(['a', 'b']);
        expect(await store.queues.finish(out, 'a')).toBe(true);
        expect(await store.queues.finish(out, 'a')).toBe(false);
        expect(await store.queues.finish('none', 'a')).toBe(false);
        expect(await store.queues.count(out)).toBe(2);
        expect(await store.queues.nextDue('none')).toBeUndefined();
      });

      test('count attempts and take a job back with a new time and body', async () => {
        await push('a', 10);
        const [first] = await store.queues.lease(out, { now: 10, leaseUntil: 60, limit: 1 });
        expect(first).toEqual({ id: 'a', body: Buffer.from('a'), attempts: 0, accepted: 3 });
        expect(await store.queues.postpone(out, 'a', 40)).toBe(true);
        const [second] = await store.queues.lease(out, { now: 40, leaseUntil: 60, limit: 1 });
        expect(second).toEqual({ id: 'a', body: Buffer.from('a'), attempts: 1, accepted: 3 });
        await store.queues.postpone(out, 'a', 50, Buffer.from('rest'));
        const [third] = await store.queues.lease(out, { now: 50, leaseUntil: 60, limit: 1 });
        expect(third).toEqual({ id: 'a', body: Buffer.from('rest'), attempts: 2, accepted: 3 });
        expect(await store.queues.postpone(out, 'none', 50)).toBe(false);
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
      expect(await store.seen.add('replay', [a, a, b], 10)).toEqual([true, false, true]);
      expect(await store.seen.add('replay', [b], 30)).toEqual([false]);
      expect(await store.seen.add('replay', [b], 20)).toEqual([false]);
      expect(await store.seen.has('replay', a)).toBe(true);
      expect(await store.seen.has('other', a)).toBe(false);
      expect((await store.sweep(9)).seen).toBe(0);
      expect((await store.sweep(29)).seen).toBe(1);
      expect([await store.seen.has('replay', a), await store.seen.has('replay', b)]).toEqual([false, true]);
      expect((await store.sweep(30)).seen).toBe(1);
      expect(await store.seen.add('replay', [], 1)).toEqual([]);
      expect(await codeFrom(store.seen.add('replay', [Buffer.alloc(256)], 1))).toBe('invalid');
    });

    test('documents have versions, and change only from the one that was meant', async () => {
      const { documents } = store;
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

    test('what has expired goes in a sweep, and nothing else', async () => {
      await store.mailboxes.create({ id: BOX, quota: AMPLE });
      await store.mailboxes.create({ id: 'smallmail/brief', quota: AMPLE, expires: 500 });
      const kept = [await put('never'), await put('later', { expires: 501 })];
      for (let i = 0; i < 250; i += 1) void put('soon', { expires: 100 + i });
      await put('in a mailbox that ends', {}, 'smallmail/brief');
      await store.sweep(0);
      expect(await store.sweep(99)).toEqual({ messages: 0, mailboxes: 0, seen: 0, uploads: 0 });
      expect(await store.sweep(499)).toEqual({ messages: 250, mailboxes: 0, seen: 0, uploads: 0 });
      expect(await ids()).toEqual(kept);
      expect(await store.sweep(500)).toEqual({ messages: 0, mailboxes: 1, seen: 0, uploads: 0 });
      expect(await store.usage()).toEqual({ mailboxes: 1, messages: 2, bytes: 10 });
      expect((await store.verify()).faults).toEqual([]);
    });

    test('a backup is written while appends go on, is private, and never overwrites', async () => {
      await store.mailboxes.create({ id: BOX, quota: AMPLE });
      await put(randomBytes(9 * CHUNK));
      const folder = await mkdtemp(join(tmpdir(), 'postern-backup-'));
      try {
        const path = join(folder, 'copy');
        let going = true;
        const load = (async () => {
          while (going) await put('more');
        })();
        await store.backup(path);
        going = false;
        await load;
        const { mode, size } = await stat(path);
        expect(mode & 0o777).toBe(0o600);
        expect(size).toBeGreaterThan(9 * CHUNK);
        expect(await codeFrom(store.backup(path))).toBe('exists');
      } finally {
        await rm(folder, { recursive: true });
      }
    });

    test('a check tells how far it is', async () => {
      await store.mailboxes.create({ id: BOX, quota: AMPLE });
      await Promise.all(Array.from({ length: 100 }, () => put('text')));
      const heard: [number, number][] = [];
      expect(await store.verify((done, total) => heard.push([done, total]))).toEqual({
        mailboxes: 1,
        messages: 100,
        bytes: 400,
        faults: [],
      });
      expect(heard.at(-1)).toEqual([100, 100]);
    });

    test('what is asked before closing is done, what is asked after is refused', async () => {
      const own = await open();
      const late = { body: Buffer.from('text'), arrived: 0 };
      await own.mailboxes.create({ id: BOX, quota: AMPLE });
      const before = own.messages.append(BOX, late);
      const closing = own.close();
      expect((await before).status).toBe('stored');
      await closing;
      await own.close();
      expect(await codeFrom(own.messages.append(BOX, late))).toBe('closed');
      expect(await codeFrom(own.usage())).toBe('closed');
      expect(await codeFrom(own.verify())).toBe('closed');
    });

    modelTest(() => store);
  });
}
