// The longer works beside the daily ones: a copy of everything, and a check of everything. Each runs in a thread of its own.

import { createHash } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, linkSync, openSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { backup } from 'node:sqlite';
import { StoreError } from '../errors.ts';
import { CHUNK } from '../limits.ts';
import type { Verification } from '../store.ts';
import { type Database, openReader, prepare, snapshot } from './database.ts';

const OWNER_ONLY = 0o600;
/** Pages copied in one step. */
const STEP_PAGES = 512;
/** Messages checked in one snapshot. */
const STEP_MESSAGES = 64;

/** Writes a consistent copy of the store in `file` to the new file `path`, synced. Throws StoreError `exists`. */
export async function copyStore(file: string, path: string): Promise<void> {
  if (existsSync(path)) throw new StoreError('exists', 'the file of the backup is there already');
  const partial = `${path}.partial`;
  rmSync(partial, { force: true }); // left by a copy that was broken off
  closeSync(openSync(partial, 'wx', OWNER_ONLY));
  const db = openReader(file);
  try {
    // A snapshot held to the end: otherwise each commit of the writer would make the copy begin anew.
    db.exec('BEGIN');
    db.prepare('SELECT count(*) FROM doomed').get();
    await backup(db, partial, { rate: STEP_PAGES });
    sync(partial);
    linkSync(partial, path); // fails when somebody made that file meanwhile
    sync(dirname(path));
  } finally {
    db.close();
    rmSync(partial, { force: true });
  }
}

function sync(path: string): void {
  const file = openSync(path, 'r');
  fsyncSync(file);
  closeSync(file);
}

interface Entry {
  readonly uid: number;
  readonly body: number;
  readonly size: number;
  readonly sha256: Uint8Array;
}

interface Count {
  readonly messages: number;
  readonly bytes: number;
}

/** Reads everything in `file`; `progress` hears how many messages of how many are done. */
export function checkStore(file: string, progress: (done: number, total: number) => void): Verification {
  const db = openReader(file);
  try {
    return check(db, progress);
  } finally {
    db.close();
  }
}

function check(db: Database, progress: (done: number, total: number) => void): Verification {
  const faults: string[] = [];
  const integrity = prepare<{ integrity_check: string }>(db, 'PRAGMA integrity_check');
  if (integrity.get()?.integrity_check !== 'ok') faults.push('the database file is damaged');

  const total = prepare<Count>(db, 'SELECT coalesce(sum(used_messages), 0) AS messages, 0 AS bytes FROM mailboxes');
  const boxes = prepare<{ box: number }>(db, 'SELECT box FROM mailboxes ORDER BY box');
  const entries = prepare<Entry>(
    db,
    'SELECT uid, body, size, sha256 FROM messages WHERE box = ? AND uid > ? ORDER BY uid LIMIT ?',
  );
  const bodyCheck = bodyChecker(db);
  const countFaults = countChecker(db);

  const expected = total.get()?.messages ?? 0;
  let [mailboxes, messages, bytes] = [0, 0, 0];
  for (const { box } of boxes.all()) {
    mailboxes += 1;
    faults.push(...countFaults(box));
    for (let after: number | undefined = 0; after !== undefined; ) {
      const from: number = after;
      const page: Entry[] = snapshot(db, () => {
        const some = entries.all(box, from, STEP_MESSAGES);
        faults.push(...some.flatMap((entry) => bodyCheck(box, entry)));
        return some;
      });
      for (const { size } of page) bytes += size;
      messages += page.length;
      after = page.at(-1)?.uid;
      progress(messages, Math.max(messages, expected));
    }
  }
  faults.push(...strayFaults(db));
  return { mailboxes, messages, bytes, faults };
}

function bodyChecker(db: Database): (box: number, entry: Entry) => string[] {
  const chunks = prepare<{ seq: number; octets: Uint8Array }>(
    db,
    'SELECT seq, octets FROM chunks WHERE box = ? AND body = ? ORDER BY seq',
  );
  return (box, { body, size, sha256 }) => {
    const hash = createHash('sha256');
    let [length, next, whole] = [0, 0, true];
    for (const { seq, octets } of chunks.rows(box, body)) {
      hash.update(octets);
      whole &&= seq === next && length === seq * CHUNK;
      length += octets.byteLength;
      next += 1;
    }
    if (!whole || length !== size) return [`a message of ${size} octets has a body of ${length}`];
    return hash.digest().equals(sha256) ? [] : [`the body of a message of ${size} octets does not fit its digest`];
  };
}

function countChecker(db: Database): (box: number) => string[] {
  const claimed = prepare<Count>(
    db,
    'SELECT used_messages AS messages, used_bytes AS bytes FROM mailboxes WHERE box = ?',
  );
  const real = prepare<Count>(
    db,
    'SELECT count(*) AS messages, coalesce(sum(size), 0) AS bytes FROM messages WHERE box = ?',
  );
  const folders = prepare<{ wrong: number }>(
    db,
    `SELECT count(*) AS wrong FROM
       (SELECT name, messages, bytes FROM folders WHERE box = ?1 AND messages > 0 EXCEPT
        SELECT folder, count(*), sum(size) FROM messages WHERE box = ?1 GROUP BY folder)`,
  );
  return (box) =>
    snapshot(db, () => {
      const [claim, truth] = [claimed.get(box), real.get(box)];
      if (claim === undefined || truth === undefined) return []; // removed since the check began
      const faults: string[] = [];
      if (claim.messages !== truth.messages || claim.bytes !== truth.bytes) {
        faults.push(
          `a mailbox counts ${claim.messages} messages of ${claim.bytes} octets and holds ${truth.messages} of ${truth.bytes}`,
        );
      }
      if (folders.get(box)?.wrong !== 0) faults.push('a folder counts other messages than it holds');
      return faults;
    });
}

function strayFaults(db: Database): string[] {
  const stray = prepare<{ bodies: number }>(
    db,
    `SELECT count(*) AS bodies FROM
       (SELECT box, body FROM chunks EXCEPT SELECT box, body FROM messages EXCEPT SELECT box, body FROM loose)
     WHERE box NOT IN (SELECT box FROM doomed)`,
  );
  const bodies = stray.get()?.bodies ?? 0;
  return bodies === 0 ? [] : [`${bodies} bodies belong to no message`];
}
