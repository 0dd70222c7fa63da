// The embedded engine keeps the store's contract, and what it keeps outlives the process, however that ends.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { storeContract } from '../../../test/store-contract.ts';
import { loadBody, loadBox } from '../../../test/store-load-body.ts';
import { codeOf, messageOf } from '../../base/errors.ts';
import { CHUNK } from '../limits.ts';
import type { MessageOctets, Store } from '../store.ts';
import { openSqliteStore } from './open.ts';

const root = mkdtempSync(join(tmpdir(), 'postern-sqlite-'));
afterAll(() => rmSync(root, { recursive: true }));

let made = 0;
function freshFile(): string {
  made += 1;
  return join(root, `${made}`, 'store.db');
}

const AMPLE = { bytes: 1e9, messages: 1e6 };
const BOX = 'smallmail/ABCD';

async function put(store: Store, body: Uint8Array): Promise<string> {
  const appended = await store.messages.append(BOX, { body, arrived: 0 });
  if (appended.status !== 'stored') throw new Error(appended.status);
  return appended.id;
}

async function octets(read: MessageOctets | undefined): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of read?.chunks ?? []) parts.push(part);
  return Buffer.concat(parts);
}

/** Runs SQL on the file of a closed store. */
function tamper(file: string, sql: string): void {
  const db = new DatabaseSync(file);
  db.exec(sql);
  db.close();
}

function rowsOf(file: string, table: string): number {
  const db = new DatabaseSync(file, { readOnly: true });
  const row = db.prepare(`SELECT count(*) AS rows FROM ${table}`).get();
  db.close();
  return Number(row?.['rows']);
}

storeContract('sqlite', () => openSqliteStore({ file: freshFile() }));

describe('the file', () => {
  test('keeps everything from one opening to the next', async () => {
    const file = freshFile();
    const first = await openSqliteStore({ file });
    await first.mailboxes.create({ id: BOX, quota: AMPLE });
    const body = Buffer.alloc(3 * CHUNK, 'text');
    const id = await put(first, body);
    await first.queues.push('out', { id: 'job', body: Buffer.from('do'), accepted: 5 });
    await first.seen.add('replay', [Buffer.from('k')], 5);
    await first.close();
    const second = await openSqliteStore({ file, readers: 2 });
    expect((await octets(await second.messages.read(BOX, id))).equals(body)).toBe(true);
    expect(await second.queues.nextDue('out')).toBe(5);
    expect(await second.seen.has('replay', Buffer.from('k'))).toBe(true);
    expect(await put(second, Buffer.from('more'))).not.toBe(id);
    expect(await second.messages.remove(BOX, [id])).toBe(1);
    await second.close();
  });

  test('and its companions are for their owner alone', async () => {
    const file = freshFile();
    const store = await openSqliteStore({ file });
    await store.mailboxes.create({ id: BOX, quota: AMPLE });
    const names = readdirSync(dirname(file));
    expect(names).toEqual(expect.arrayContaining(['store.db', 'store.db-wal', 'store.db.lock']));
    for (const name of names) expect(statSync(join(dirname(file), name)).mode & 0o777).toBe(0o600);
    await store.close();
  });

  test('is open in one place at a time', async () => {
    const file = freshFile();
    const store = await openSqliteStore({ file });
    const second = openSqliteStore({ file });
    await expect(second).rejects.toMatchObject({ code: 'locked', message: 'the store is in use by another process' });
    await store.close();
    await (await openSqliteStore({ file })).close();
  });

  test('is swept without waiting for one who reads an old state', async () => {
    const file = freshFile();
    const store = await openSqliteStore({ file });
    await store.mailboxes.create({ id: BOX, quota: AMPLE });
    const reader = new DatabaseSync(file, { readOnly: true });
    reader.exec('BEGIN; SELECT count(*) FROM mailboxes');
    await put(store, Buffer.from('text'));
    const start = performance.now();
    await store.sweep(0);
    expect(performance.now() - start).toBeLessThan(5000); // a lock is waited for twice as long
    reader.close();
    await store.close();
  });

  test('of the first version gets what later ones count', async () => {
    const file = freshFile();
    const store = await openSqliteStore({ file });
    await store.mailboxes.create({ id: BOX, quota: AMPLE });
    await put(store, Buffer.from('text'));
    await store.messages.append(BOX, { body: Buffer.from('x'), arrived: 0, folder: 'F', flags: ['read', 'y'] });
    const folders = await store.mailboxes.folders(BOX);
    await store.close();
    tamper(
      file,
      `DROP INDEX jobs_leased; ALTER TABLE jobs DROP COLUMN leased; DROP INDEX messages_unread; DROP INDEX messages_name; ALTER TABLE messages DROP COLUMN name;
       ALTER TABLE folders DROP COLUMN unread; ALTER TABLE folders DROP COLUMN modseq;
       ALTER TABLE gone DROP COLUMN folder; ALTER TABLE gone DROP COLUMN name; PRAGMA user_version = 1`,
    );
    const again = await openSqliteStore({ file });
    expect((await again.verify()).faults).toEqual([]);
    const modseq = (await again.mailboxes.get(BOX))?.modseq;
    expect(await again.mailboxes.folders(BOX)).toEqual(folders.map((folder) => ({ ...folder, modseq })));
    await again.close();
  });

  test('of a later version, or of something else, is refused as it is', async () => {
    const file = freshFile();
    await (await openSqliteStore({ file })).close();
    tamper(file, 'PRAGMA user_version = 99');
    await expect(openSqliteStore({ file })).rejects.toMatchObject({ code: 'newer' });

    const other = join(root, 'letter.txt');
    writeFileSync(other, 'This is a letter, and by no means a store of letters. '.repeat(100));
    const before = readFileSync(other);
    await expect(openSqliteStore({ file: other })).rejects.toMatchObject({ code: 'corrupt' });
    expect(readFileSync(other)).toEqual(before);
    await expect(openSqliteStore({ file: join(other, 'store.db') })).rejects.toMatchObject({ code: 'io' });
  });

  test('gives back the room of what was removed, and keeps none of its octets', async () => {
    const file = freshFile();
    const store = await openSqliteStore({ file });
    await store.mailboxes.create({ id: BOX, quota: AMPLE });
    const text = Buffer.from('a sentence that nobody is to find again');
    const id = await put(store, Buffer.alloc(40 * CHUNK, text));
    const small = await put(store, text);
    await store.messages.remove(BOX, [id, small]);
    await store.sweep(0);
    for (const name of readdirSync(dirname(file))) {
      expect(readFileSync(join(dirname(file), name)).includes(text)).toBe(false);
    }
    await store.close();
    expect(statSync(file).size).toBeLessThan(10 * CHUNK);
  });

  test('loses at the next start what had been begun and what was left to clear', async () => {
    const file = freshFile();
    const store = await openSqliteStore({ file });
    await store.mailboxes.create({ id: BOX, quota: AMPLE });
    const long = Buffer.alloc(5 * CHUNK);
    const id = await put(store, long);
    await store.messages.read(BOX, id); // pins it
    await store.messages.remove(BOX, [id]);
    await store.messages.receive(
      BOX,
      (async function* () {
        yield long;
      })(),
    );
    await store.close();
    expect(rowsOf(file, 'chunks')).toBe(10);
    const next = await openSqliteStore({ file });
    await next.sweep(0);
    await next.close();
    expect(rowsOf(file, 'chunks')).toBe(0);
    expect(rowsOf(file, 'loose')).toBe(0);
  });
});

describe('a backup', () => {
  test('is a store like the one it was made of', async () => {
    const file = freshFile();
    const store = await openSqliteStore({ file });
    await store.mailboxes.create({ id: BOX, quota: AMPLE });
    const body = Buffer.alloc(30 * CHUNK, 'x');
    const id = await put(store, body);
    let going = true;
    const load = Promise.all(
      Array.from({ length: 4 }, async () => {
        while (going) await put(store, Buffer.from('while it is copied'));
      }),
    );
    const path = join(root, 'copy.db');
    await store.backup(path);
    going = false;
    await load;
    await store.close();
    const copy = await openSqliteStore({ file: path });
    expect((await octets(await copy.messages.read(BOX, id))).equals(body)).toBe(true);
    expect((await copy.verify()).faults).toEqual([]);
    await copy.close();
  });

  test('gives no id again that its original gave later', async () => {
    const store = await openSqliteStore({ file: freshFile() });
    await store.mailboxes.create({ id: BOX, quota: AMPLE });
    const before = await put(store, Buffer.from('before'));
    const path = join(root, 'restored.db');
    await store.backup(path);
    const lost = await store.messages.append(BOX, { body: Buffer.from('lost'), arrived: 0 });
    await store.close();
    const copy = await openSqliteStore({ file: path });
    const instead = await copy.messages.append(BOX, { body: Buffer.from('instead'), arrived: 0 });
    if (lost.status !== 'stored' || instead.status !== 'stored') throw new Error('not stored');
    expect(instead.uid).toBe(lost.uid);
    expect(instead.id).not.toBe(lost.id);
    expect(await copy.messages.remove(BOX, [lost.id])).toBe(0);
    expect(await copy.messages.find(BOX, before)).toMatchObject({ id: before });
    await copy.close();
  });

  test('that cannot be written says so and leaves nothing', async () => {
    const store = await openSqliteStore({ file: freshFile() });
    const path = join(root, 'no such folder', 'copy.db');
    expect(await store.backup(path).catch((error: unknown) => codeOf(error))).toBe('io');
    await store.close();
  });
});

describe('a check finds', () => {
  async function faultsAfter(sql: string): Promise<string> {
    const file = freshFile();
    const store = await openSqliteStore({ file });
    await store.mailboxes.create({ id: BOX, quota: AMPLE });
    await put(store, Buffer.from('a body'));
    await put(store, Buffer.alloc(3 * CHUNK));
    await store.close();
    tamper(file, sql);
    const damaged = await openSqliteStore({ file });
    const { faults } = await damaged.verify();
    await damaged.close();
    expect(faults.join()).not.toContain('ABCD');
    return faults.join('; ');
  }

  test.each([
    [
      "UPDATE chunks SET octets = 'b body' WHERE length(octets) = 6",
      'the body of a message of 6 octets does not fit its digest',
    ],
    ['DELETE FROM chunks WHERE key & 1048575 = 1', 'a message of 196608 octets has a body of 131072'],
    ['UPDATE mailboxes SET used_bytes = 7', 'a mailbox counts 2 messages of 7 octets and holds 2 of 196614'],
    ['UPDATE messages SET expires = 5', 'something in a mailbox expires before the mailbox says'],
    ["INSERT INTO once VALUES (1, x'00', 5)", 'something in a mailbox expires before the mailbox says'],
    ['PRAGMA ignore_check_constraints = 1; UPDATE messages SET modseq = 9', 'a message is not listed where it belongs'],
    ['UPDATE folders SET messages = 3', 'a folder counts other messages than it holds'],
    ['INSERT INTO chunks (key, octets) VALUES (99 << 20, zeroblob(5))', '1 bodies belong to no message'],
  ])('%s', async (sql, fault) => {
    expect(await faultsAfter(sql.replace("'b body'", "CAST('b body' AS BLOB)"))).toBe(fault);
  });

  test('pages that were overwritten', async () => {
    const file = freshFile();
    const store = await openSqliteStore({ file });
    await store.mailboxes.create({ id: BOX, quota: AMPLE });
    for (let i = 0; i < 50; i += 1) await put(store, Buffer.alloc(3000, i));
    await store.close();
    const bytes = readFileSync(file);
    const body = bytes.indexOf(Buffer.alloc(3000, 17));
    bytes.fill(0xee, body - 2000, body);
    writeFileSync(file, bytes);
    const damaged = await openSqliteStore({ file });
    const { faults } = await damaged.verify().catch((error: unknown) => ({ faults: [messageOf(error)] }));
    expect(faults.length).toBeGreaterThan(0);
    await damaged.close();
  });
});

describe('a process that is killed', () => {
  const script = fileURLToPath(new URL('../../../test/store-load.ts', import.meta.url));

  /** Runs the load until it has acknowledged `acknowledgements` messages, kills it, and gives what it said. */
  async function loadAndKill(file: string, round: number, acknowledgements: number): Promise<string[]> {
    const child: ChildProcess = spawn(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', script, file, `${round}`],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    let said = '';
    child.stdout?.on('data', (text: Buffer) => {
      said += text.toString('latin1');
      if (said.split('\n').length > acknowledgements) child.kill('SIGKILL');
    });
    await new Promise((resolve) => child.on('close', resolve));
    return said.slice(0, said.lastIndexOf('\n')).split('\n');
  }

  test('holds the store until then, and not longer', async () => {
    const file = freshFile();
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', script, file, 'held'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await new Promise((resolve) => child.stdout.once('data', resolve));
    await expect(openSqliteStore({ file })).rejects.toMatchObject({ code: 'locked' });
    const ended = new Promise((resolve) => child.on('close', resolve));
    child.stdout.resume();
    child.kill('SIGKILL');
    await ended;
    await (await openSqliteStore({ file })).close();
  });

  test('keeps every message it acknowledged, whole and once', async () => {
    const file = freshFile();
    const acknowledged = new Map<string, string>();
    for (const [round, count] of [1, 60, 300].entries()) {
      for (const line of await loadAndKill(file, round, count)) {
        const [id = '', label = ''] = line.split(' ');
        acknowledged.set(id, label);
      }
      const store = await openSqliteStore({ file });
      const labels: string[] = [];
      for (let after: number | undefined = 0; after !== undefined; ) {
        const page: Awaited<ReturnType<Store['messages']['page']>> = await store.messages.page(loadBox, {
          after,
          limit: 1000,
        });
        labels.push(...page.messages.map(({ index }) => index.toString()));
        after = page.next;
      }
      expect(new Set(labels).size).toBe(labels.length);
      for (const [id, label] of acknowledged) {
        const body = await octets(await store.messages.read(loadBox, id));
        expect(body.equals(loadBody(label)), label).toBe(true);
      }
      await store.sweep(0);
      expect((await store.verify()).faults).toEqual([]);
      await store.close();
    }
    expect(acknowledged.size).toBeGreaterThan(350);
    expect(rowsOf(file, 'loose')).toBe(0);
  });
});
