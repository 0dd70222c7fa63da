// Group commit by itself: who is undone with whom when something fails.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, describe, expect, test } from 'vitest';
import { groups } from './group.ts';
import type { Call } from './link.ts';
import { openWrites } from './writes.ts';

const root = mkdtempSync(join(tmpdir(), 'postern-group-'));
afterAll(() => rmSync(root, { recursive: true }));

function counting() {
  const db = new DatabaseSync(':memory:');
  db.exec('CREATE TABLE t (n INTEGER PRIMARY KEY)');
  const insert = db.prepare('INSERT INTO t VALUES (?)');
  const operations = {
    add: (n: number) => insert.run(n).changes,
    addThenFail(n: number) {
      insert.run(n);
      throw new Error('changed my mind');
    },
    giveUp: () => db.exec('ROLLBACK'),
  };
  const all = () =>
    db
      .prepare('SELECT n FROM t ORDER BY n')
      .all()
      .map((row) => row['n']);
  return { run: groups(db, operations), all, db };
}

const call = (ticket: number, operation: string, ...args: unknown[]): Call => [ticket, operation, args as never[]];

describe('a group', () => {
  test('keeps what went well around a call that failed', () => {
    const { run, all } = counting();
    const replies = run([call(1, 'add', 1), call(2, 'addThenFail', 2), call(3, 'add', 3), call(4, 'add', 3)]);
    expect(replies.map(([ticket, value, failure]) => [ticket, value, failure?.code])).toEqual([
      [1, 1, undefined],
      [2, undefined, 'internal'],
      [3, 1, undefined],
      [4, undefined, 'internal'],
    ]);
    expect(all()).toEqual([1, 3]);
  });

  test('fails as a whole when the transaction is lost', () => {
    const { run, all } = counting();
    const replies = run([call(1, 'add', 1), call(2, 'giveUp'), call(3, 'add', 3)]);
    expect(replies.every(([, , failure]) => failure !== undefined)).toBe(true);
    expect(all()).toEqual([]);
    run([call(4, 'add', 4)]);
    expect(all()).toEqual([4]);
  });
});

/** A store of its own with a mailbox, and the calls that fill it. */
function mailbox(name: string) {
  const { db, operations, close } = openWrites(join(root, name, 'store.db'), { idKey: new Uint8Array(16), run: 1 });
  const run = groups(db, { ...operations, lose: () => db.exec('ROLLBACK') });
  const draft = { id: 'a/b', quotaBytes: 1e9, quotaMessages: 1e6, expires: null, documents: [] };
  run([call(1, 'createMailbox', draft)]);
  const append = (ticket: number, size: number, body: unknown = new Uint8Array(size), once: unknown = null): Call =>
    call(ticket, 'append', 'a/b', {
      folder: 'inbox',
      size,
      sha256: '00'.repeat(32),
      flags: '',
      arrived: 0,
      expires: null,
      entry: null,
      name: null,
      body,
      once,
    });
  return { db, run, append, close };
}

test('a full disk fails what does not fit, and nothing after there is room again', () => {
  const { db, run, append, close } = mailbox('full');
  const pages = Number(db.prepare('PRAGMA page_count').get()?.['page_count']);
  db.exec(`PRAGMA max_page_count = ${pages + 10}`);
  const codes = run([append(2, 100), append(3, 60_000), append(4, 100)]).map(([, , failure]) => failure?.code);
  expect(codes).toContain('disk-full');
  db.exec(`PRAGMA max_page_count = ${pages + 1000}`);
  expect(run([append(5, 60_000)])[0]?.[2]).toBeUndefined();
  const stored = db.prepare('SELECT count(*) AS messages FROM messages').get()?.['messages'];
  const used = db.prepare('SELECT used_messages AS messages FROM mailboxes').get()?.['messages'];
  expect(stored).toBe(1 + codes.filter((code) => code === undefined).length);
  expect(used).toBe(stored);
  close();
});

test('a long body is not lost with the commit that should have taken it', () => {
  const { run, append, close } = mailbox('again');
  const key = run([call(2, 'beginBody', 'a/b')])[0]?.[1];
  run([call(3, 'addChunk', key, 0, new Uint8Array(100))]);
  expect(run([append(4, 100, key), call(5, 'lose')])[0]?.[2]?.code).toBeDefined();
  run([call(6, 'clear')]);
  expect(run([append(7, 100, key)])[0]?.[2]).toBeUndefined();
  expect(run([append(8, 100, key)])[0]?.[2]?.code).toBe('no-body');
  close();
});

test('an append that fails among appends is undone alone, its key too', () => {
  const { db, run, append, close } = mailbox('among');
  const once = { key: '01', until: 9 };
  const replies = run([
    append(2, 5),
    append(3, 5, { box: 1, body: 77 }, once),
    append(4, 5),
    append(5, 5, undefined, once),
  ]);
  expect(replies.map(([ticket, , failure]) => [ticket, failure?.code])).toEqual([
    [2, undefined],
    [3, 'no-body'],
    [4, undefined],
    [5, undefined],
  ]);
  expect(replies.map(([, value]) => value)).toMatchObject([{ uid: 1 }, undefined, { uid: 2 }, { uid: 3 }]);
  const row = db.prepare('SELECT modseq, used_messages AS messages, used_bytes AS bytes FROM mailboxes').get();
  expect(row).toEqual({ modseq: 3, messages: 3, bytes: 15 });
  expect(db.prepare('SELECT count(*) AS rows FROM messages').get()).toEqual({ rows: 3 });
  close();
});
