// The longer works beside the daily ones: a copy of everything, and a check of everything. Each runs in a thread of its own.

import { createHash } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, linkSync, openSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { backup } from 'node:sqlite';
import { StoreError } from '../errors.ts';
import { CHUNK } from '../limits.ts';
import type { Verification } from '../store.ts';
import { type Database, openReader, prepare, snapshot } from './database.ts';
import { CHUNKS_OF_BODY, INBOX, SEQ_BITS, UNREAD } from './schema.ts';

const OWNER_ONLY = 0o600;
/** Pages copied in one step. */
const STEP_PAGES = 512;
/** Messages checked in one snapshot. */
const STEP_MESSAGES = 64;

/** Writes a consistent copy of the store in `file` to the new file `path`, synced; counts pages. Throws StoreError `exists`. */
export async function copyStore(
  file: string,
  path: string,
  progress: (done: number, total: number) => void,
): Promise<void> {
  if (existsSync(path)) throw new StoreError('exists', 'the file of the backup is there already');
  const partial = `${path}.partial`;
  rmSync(partial, { force: true }); // left by a copy that was broken off
  closeSync(openSync(partial, 'wx', OWNER_ONLY));
  const db = openReader(file);
  try {
    // A snapshot held to the end: otherwise each commit of the writer would make the copy begin anew.
    db.exec('BEGIN');
    db.prepare('SELECT count(*) FROM doomed').get();
    await backup(db, partial, {
      rate: STEP_PAGES,
      progress: ({ totalPages, remainingPages }) => progress(totalPages - remainingPages, totalPages),
    });
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
    `SELECT uid, body, size, sha256 FROM messages WHERE box = ?1 AND touched = 0 AND uid > ?2 UNION ALL
     SELECT uid, body, size, sha256 FROM messages WHERE box = ?1 AND touched = 1 AND uid > ?2 ORDER BY uid LIMIT ?3`,
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
        faults.push(...some.flatMap((entry) => bodyCheck(entry)));
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

function bodyChecker(db: Database): (entry: Entry) => string[] {
  const chunks = prepare<{ seq: number; octets: Uint8Array }>(
    db,
    `SELECT key & ${2 ** SEQ_BITS - 1} AS seq, octets FROM chunks WHERE ${CHUNKS_OF_BODY} ORDER BY key`,
  );
  return ({ body, size, sha256 }) => {
    const hash = createHash('sha256');
    let [length, next, whole] = [0, 0, true];
    for (const { seq, octets } of chunks.rows(body)) {
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
  const real = prepare<Count & { misplaced: number }>(
    db,
    `SELECT count(*) AS messages, coalesce(sum(size), 0) AS bytes,
       coalesce(sum(touched = 0 AND (folder <> '${INBOX}' OR modseq <> uid)), 0) AS misplaced
     FROM messages WHERE box = ?`,
  );
  const folders = prepare<{ wrong: number }>(
    db,
    `SELECT count(*) AS wrong FROM
       (SELECT name, messages, bytes, unread FROM folders WHERE box = ?1 AND messages > 0 EXCEPT
        SELECT folder, count(*), sum(size), sum(${UNREAD}) FROM messages WHERE box = ?1 GROUP BY folder)`,
  );
  const overdue = prepare(
    db,
    `SELECT 1 FROM mailboxes JOIN (SELECT min(expires) AS soonest FROM messages WHERE box = ?1 UNION ALL
       SELECT min(until) FROM once WHERE box = ?1) WHERE box = ?1 AND soonest < coalesce(first_expiry, soonest + 1)`,
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
      if (truth.misplaced > 0) faults.push('a message is not listed where it belongs');
      if (overdue.get(box)) faults.push('something in a mailbox expires before the mailbox says');
      if (folders.get(box)?.wrong !== 0) faults.push('a folder counts other messages than it holds');
      return faults;
    });
}

function strayFaults(db: Database): string[] {
  const stray = prepare<{ bodies: number }>(
    db,
    `SELECT count(*) AS bodies FROM
       (SELECT key >> ${SEQ_BITS} AS body FROM chunks EXCEPT SELECT body FROM messages EXCEPT SELECT body FROM loose)`,
  );
  const bodies = stray.get()?.bodies ?? 0;
  return bodies === 0 ? [] : [`${bodies} bodies belong to no message`];
}
