// Bodies as rows of chunks: written ahead of their message, held while someone reads them, and cleared away in small steps.

import { StoreError } from '../errors.ts';
import { CHUNK } from '../limits.ts';
import { type Database, prepare } from './database.ts';
import { type BodyKey, Held } from './held.ts';
import { CHUNKS_OF_BODY, SEQ_BITS } from './schema.ts';

/** Chunks cleared in one step, so that no commit waits for more than these. */
const CLEAR_CHUNKS = 64;
/** Rows without a body cleared in one step. */
const CLEAR_ROWS = 1000;
/** Longer bodies are cleared after the removal, not in its transaction. */
const CLEAR_AT_ONCE = 4 * CHUNK;

export function bodyWrites(db: Database) {
  const held = new Held();
  const boxOf = prepare<{ box: number }>(db, 'SELECT box FROM mailboxes WHERE id = ?');
  const insertChunk = prepare(db, `INSERT INTO chunks (key, octets) VALUES ((?1 << ${SEQ_BITS}) | ?2, ?3)`);
  const removeChunks = prepare(db, `DELETE FROM chunks WHERE ${CHUNKS_OF_BODY}`);
  const insertLoose = prepare(db, 'INSERT INTO loose (body, box) VALUES (?, ?)');
  const removeLoose = prepare(db, 'DELETE FROM loose WHERE body = ? AND box = ?');
  const isLoose = prepare(db, 'SELECT 1 FROM loose WHERE body = ?');
  const allLoose = prepare<BodyKey>(db, 'SELECT box, body FROM loose');
  const clearSome = prepare(
    db,
    `DELETE FROM chunks WHERE key IN (SELECT key FROM chunks WHERE ${CHUNKS_OF_BODY} LIMIT ?2)`,
  );
  const doomed = prepare<{ box: number }>(db, 'SELECT box FROM doomed');
  const clearMessages = prepare<BodyKey & { size: number }>(
    db,
    `${sliceOf('messages', 'touched, uid')} RETURNING box, body, size`,
  );
  const clearRows = [
    prepare(db, sliceOf('gone', 'modseq')),
    prepare(db, sliceOf('once', 'key')),
    prepare(db, sliceOf('folders', 'name')),
  ];
  const undoom = prepare(db, 'DELETE FROM doomed WHERE box = ?');

  // Numbers grow, so that new chunks lie at the end of their table. Counted here and not in a row: a number that was drawn
  // and not kept, or was kept and is cleared, means nothing to anybody once the process has ended.
  const drawn = prepare<{ body: number }>(
    db,
    `SELECT max(coalesce((SELECT max(key) FROM chunks) >> ${SEQ_BITS}, 0), coalesce((SELECT max(body) FROM loose), 0)) AS body`,
  );
  let last = drawn.get()?.body ?? 0;
  function draw(): number {
    last += 1;
    return last;
  }

  /** Clears a body of which nobody has a message any more: at once up to `atOnce` octets, or later. True: later. */
  function drop(key: BodyKey, size: number, atOnce: number): boolean {
    held.settle(key);
    if (size === 0) return false;
    if (size <= atOnce && !held.pinned(key)) {
      removeChunks.run(key.body);
      return false;
    }
    insertLoose.run(key.body, key.box);
    return true;
  }

  /** One step at one mailbox. Its long bodies become loose; a step of its own clears each. */
  function clearDoomed(box: number): void {
    const messages = clearMessages.all(box, CLEAR_CHUNKS);
    for (const { size, ...key } of messages) drop(key, size, CHUNK);
    if (messages.length === CLEAR_CHUNKS) return;
    for (const rows of clearRows) if (rows.run(box, CLEAR_ROWS) === CLEAR_ROWS) return;
    undoom.run(box);
    held.forget(box);
  }

  /** One step at one body. */
  function clearLoose({ box, body }: BodyKey): void {
    if (clearSome.run(body, CLEAR_CHUNKS) < CLEAR_CHUNKS) removeLoose.run(body, box);
  }

  return {
    /** Makes room for a body that will arrive in chunks. Undefined when there is no such mailbox. */
    beginBody(mailbox: string): BodyKey | undefined {
      const box = boxOf.get(mailbox)?.box;
      if (box === undefined) return undefined;
      const key = { box, body: draw() };
      insertLoose.run(key.body, box);
      held.arrive(key);
      return key;
    },

    addChunk(key: BodyKey, seq: number, octets: Uint8Array): void {
      if (seq >= 2 ** SEQ_BITS) throw new StoreError('invalid', 'the store does not take a body as long as this');
      if (!isLoose.get(key.body)) throw new StoreError('no-mailbox', 'the mailbox was removed meanwhile');
      insertChunk.run(key.body, seq, octets);
      held.arrive(key);
    },

    /** Gives up a body that no message took; harmless when one did. */
    discardBody(key: BodyKey): void {
      held.settle(key);
    },

    /** Writes a body at hand; returns its number. */
    writeBody(octets: Uint8Array): number {
      if (octets.byteLength === 0) return 0;
      const body = draw();
      insertChunk.run(body, 0, octets);
      return body;
    },

    /** A body that arrived in chunks becomes a message's. Returns its number. */
    takeBody(key: BodyKey): number {
      if (!held.arriving(key) || removeLoose.run(key.body, key.box) === 0) {
        throw new StoreError('no-body', 'the body is not there any more');
      }
      // It stays held: should the commit fail, it is loose again and waits for the next append.
      return key.body;
    },

    /** Clears the body of a removed message, now or, when it is long or being read, later. True: later. */
    dropBody: (key: BodyKey, size: number): boolean => drop(key, size, CLEAR_AT_ONCE),

    /** Keeps a body readable until `unpin`, whatever becomes of its message. */
    pinBody(key: BodyKey): void {
      held.pin(key);
    },

    unpin(key: BodyKey): void {
      held.unpin(key);
    },

    /** Clears a little of what nobody needs any more; false when nothing was left to do. */
    clear(): boolean {
      const loose = firstOf(allLoose.rows(), (key) => !held.pinned(key) && !held.arriving(key));
      if (loose) clearLoose(loose);
      const doom = loose ? undefined : doomed.get();
      if (doom) clearDoomed(doom.box);
      return loose !== undefined || doom !== undefined;
    },

    /** Gives up the uploads at which nothing has happened for long; returns how many. */
    sweepUploads: (now: number): number => held.sweep(now, ({ body }) => isLoose.get(body) !== undefined),
  };
}

export type BodyWrites = ReturnType<typeof bodyWrites>;

/** The first that fits; the query is not read further. */
function firstOf<Row>(rows: Iterable<Row>, fits: (row: Row) => boolean): Row | undefined {
  for (const row of rows) if (fits(row)) return row;
  return undefined;
}

function sliceOf(table: string, key: string): string {
  return `DELETE FROM ${table} WHERE box = ?1 AND (${key}) IN (SELECT ${key} FROM ${table} WHERE box = ?1 LIMIT ?2)`;
}
