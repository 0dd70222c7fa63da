// Bodies as rows of chunks: written ahead of their message, held while someone reads them, and cleared away in small steps.

import { StoreError } from '../errors.ts';
import { CHUNK } from '../limits.ts';
import { type Database, prepare } from './database.ts';
import { type BodyKey, Held } from './held.ts';

/** Chunks cleared in one step, so that no commit waits for more than these. */
const CLEAR_CHUNKS = 64;
/** Rows without a body cleared in one step. */
const CLEAR_ROWS = 1000;
/** Longer bodies are cleared after the removal, not in its transaction. */
const CLEAR_AT_ONCE = 4 * CHUNK;

export function bodyWrites(db: Database) {
  const held = new Held();
  const draw = prepare<BodyKey>(
    db,
    'UPDATE mailboxes SET modseq = modseq + 1 WHERE id = ? RETURNING box, modseq AS body',
  );
  const insertChunk = prepare(db, 'INSERT INTO chunks (box, body, seq, octets) VALUES (?, ?, ?, ?)');
  const removeChunks = prepare(db, 'DELETE FROM chunks WHERE box = ? AND body = ?');
  const insertLoose = prepare(db, 'INSERT INTO loose (box, body) VALUES (?, ?)');
  const removeLoose = prepare(db, 'DELETE FROM loose WHERE box = ? AND body = ?');
  const isLoose = prepare(db, 'SELECT 1 FROM loose WHERE box = ? AND body = ?');
  const allLoose = prepare<BodyKey>(db, 'SELECT box, body FROM loose');
  const keyOf = prepare<BodyKey>(
    db,
    'SELECT box, body FROM messages WHERE box = (SELECT box FROM mailboxes WHERE id = ?) AND id = unhex(?)',
  );
  const clearSome = prepare(
    db,
    'DELETE FROM chunks WHERE rowid IN (SELECT rowid FROM chunks WHERE box = ? AND body = ? LIMIT ?)',
  );
  const doomed = prepare<{ box: number }>(db, 'SELECT box FROM doomed');
  const clearBox = [
    [CLEAR_CHUNKS, 'DELETE FROM chunks WHERE rowid IN (SELECT rowid FROM chunks WHERE box = ?1 LIMIT ?2)'],
    [CLEAR_ROWS, sliceOf('messages', 'uid')],
    [CLEAR_ROWS, sliceOf('gone', 'modseq')],
    [CLEAR_ROWS, sliceOf('once', 'key')],
    [CLEAR_ROWS, sliceOf('folders', 'name')],
    [CLEAR_ROWS, sliceOf('loose', 'body')],
  ].map(([rows, sql]) => ({ rows: Number(rows), remove: prepare(db, String(sql)) }));
  const undoom = prepare(db, 'DELETE FROM doomed WHERE box = ?');

  /** One step at one mailbox. */
  function clearDoomed(box: number): void {
    for (const { rows, remove } of clearBox) if (remove.run(box, rows) === rows) return;
    undoom.run(box);
    held.forget(box);
  }

  /** One step at one body. */
  function clearLoose({ box, body }: BodyKey): void {
    if (clearSome.run(box, body, CLEAR_CHUNKS) < CLEAR_CHUNKS) removeLoose.run(box, body);
  }

  return {
    /** Makes room for a body that will arrive in chunks. Undefined when there is no such mailbox. */
    beginBody(mailbox: string): BodyKey | undefined {
      const key = draw.get(mailbox);
      if (key === undefined) return undefined;
      insertLoose.run(key.box, key.body);
      held.arrive(key);
      return key;
    },

    addChunk(key: BodyKey, seq: number, octets: Uint8Array): void {
      if (!isLoose.get(key.box, key.body)) throw new StoreError('no-mailbox', 'the mailbox was removed meanwhile');
      insertChunk.run(key.box, key.body, seq, octets);
      held.arrive(key);
    },

    /** Gives up a body that no message took; harmless when one did. */
    discardBody(key: BodyKey): void {
      held.settle(key);
    },

    /** A body at hand becomes that of the message `key.body`. */
    writeBody(key: BodyKey, octets: Uint8Array): void {
      if (octets.byteLength > 0) insertChunk.run(key.box, key.body, 0, octets);
    },

    /** A body that arrived in chunks becomes a message's. */
    takeBody(key: BodyKey): void {
      if (!held.arriving(key) || removeLoose.run(key.box, key.body) === 0) {
        throw new StoreError('no-body', 'the body is not there any more');
      }
      // It stays held: should the commit fail, it is loose again and waits for the next append.
    },

    /** Clears the body of a removed message, now or, when it is long or being read, later. True: later. */
    dropBody(key: BodyKey, size: number): boolean {
      held.settle(key);
      if (size <= CLEAR_AT_ONCE && !held.pinned(key)) {
        removeChunks.run(key.box, key.body);
        return false;
      }
      insertLoose.run(key.box, key.body);
      return true;
    },

    /** Keeps a message's octets readable until `unpin`, whatever becomes of the message. Undefined when it is not there. */
    pin(mailbox: string, id: string): BodyKey | undefined {
      const key = keyOf.get(mailbox, id);
      if (key !== undefined) held.pin(key);
      return key;
    },

    unpin(key: BodyKey): void {
      held.unpin(key);
    },

    /** Clears a little of what nobody needs any more; false when nothing was left to do. */
    clear(): boolean {
      const loose = firstOf(allLoose.rows(), (key) => !held.pinned(key) && !held.arriving(key));
      if (loose) clearLoose(loose);
      const doom = loose ? undefined : firstOf(doomed.rows(), ({ box }) => !held.pinnedIn(box));
      if (doom) clearDoomed(doom.box);
      return loose !== undefined || doom !== undefined;
    },

    /** Gives up the uploads at which nothing has happened for long; returns how many. */
    sweepUploads: (now: number): number => held.sweep(now, ({ box, body }) => isLoose.get(box, body) !== undefined),
  };
}

export type BodyWrites = ReturnType<typeof bodyWrites>;

/** The first that fits; the query is not read further. */
function firstOf<Row>(rows: Iterable<Row>, fits: (row: Row) => boolean): Row | undefined {
  for (const row of rows) if (fits(row)) return row;
  return undefined;
}

function sliceOf(table: string, key: string): string {
  return `DELETE FROM ${table} WHERE box = ?1 AND ${key} IN (SELECT ${key} FROM ${table} WHERE box = ?1 LIMIT ?2)`;
}
