// Sweeping, copying, checking and closing.

import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { codeOf } from '../../src/base/errors.ts';
import { CHUNK } from '../../src/store/limits.ts';
import { AMPLE, BOX, codeFrom, type Kit } from './kit.ts';

export function upkeepTests(kit: Kit): void {
  test('what has expired goes in a sweep, and nothing else', async () => {
    await kit.store.mailboxes.create({ id: BOX, quota: AMPLE });
    await kit.store.mailboxes.create({ id: 'smallmail/brief', quota: AMPLE, expires: 500 });
    const kept = [await kit.put('never'), await kit.put('later', { expires: 501 })];
    for (let i = 0; i < 250; i += 1) void kit.put('soon', { expires: 100 + i });
    await kit.put('in a mailbox that ends', {}, 'smallmail/brief');
    await kit.store.sweep(0);
    expect(await kit.store.sweep(99)).toEqual({ messages: 0, mailboxes: 0, seen: 0, uploads: 0 });
    expect(await kit.store.sweep(499)).toEqual({ messages: 250, mailboxes: 0, seen: 0, uploads: 0 });
    expect(await kit.ids()).toEqual(kept);
    expect(await kit.store.sweep(500)).toEqual({ messages: 0, mailboxes: 1, seen: 0, uploads: 0 });
    expect(await kit.store.usage()).toEqual({ mailboxes: 1, messages: 2, bytes: 10 });
    expect((await kit.store.verify()).faults).toEqual([]);
  });

  test('a backup is written while appends go on, is private, and never overwrites', async () => {
    await kit.store.mailboxes.create({ id: BOX, quota: AMPLE });
    await kit.put(randomBytes(9 * CHUNK));
    const folder = await mkdtemp(join(tmpdir(), 'postern-backup-'));
    try {
      const path = join(folder, 'copy');
      let going = true;
      const load = (async () => {
        while (going) await kit.put('more');
      })();
      await kit.store.backup(path);
      going = false;
      await load;
      const { mode, size } = await stat(path);
      expect(mode & 0o777).toBe(0o600);
      expect(size).toBeGreaterThan(9 * CHUNK);
      expect(await codeFrom(kit.store.backup(path))).toBe('exists');
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('a check tells how far it is', async () => {
    await kit.store.mailboxes.create({ id: BOX, quota: AMPLE });
    await Promise.all(Array.from({ length: 100 }, () => kit.put('text')));
    const heard: [number, number][] = [];
    expect(await kit.store.verify((done, total) => heard.push([done, total]))).toEqual({
      mailboxes: 1,
      messages: 100,
      bytes: 400,
      faults: [],
    });
    expect(heard.at(-1)).toEqual([100, 100]);
  });

  test('what is asked before closing is done, what is asked after is refused', async () => {
    const own = await kit.open();
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

  test('what is asked while it closes is done or refused, and what it does by itself ends quietly', async () => {
    for (let turn = 0; turn < 5; turn += 1) {
      const own = await kit.open();
      await own.mailboxes.create({ id: BOX, quota: AMPLE });
      const large = await own.messages.append(BOX, { body: Buffer.alloc(2 * CHUNK), arrived: 0 });
      const opened = await own.messages.read(BOX, large.status === 'stored' ? large.id : '');
      for await (const chunk of opened?.chunks ?? []) expect(chunk).toHaveLength(CHUNK); // its end lets the body go
      const asked: Promise<unknown>[] = [];
      const ask = () => {
        asked.push(own.documents.put('late', `${asked.length}`, Buffer.from('text')).catch(codeOf));
      };
      const closing = own.close();
      let closed = false;
      void closing.then(() => {
        closed = true;
      });
      while (!closed) {
        ask();
        await new Promise(setImmediate);
      }
      for (const answer of await Promise.all(asked)) expect([1, 'closed']).toContain(answer);
    }
  });
}
