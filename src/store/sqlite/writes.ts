// Everything the writer can be asked for: the operations of all tables on the one connection that writes.

import { chmodSync, closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { bodyWrites } from './bodies.ts';
import { type Database, openWriter } from './database.ts';
import { documentWrites } from './documents.ts';
import { expiryWrites } from './expiry.ts';
import { type Ids, idsOf, keepIdKey } from './ids.ts';
import { lock } from './lock.ts';
import { mailboxWrites } from './mailboxes.ts';
import { messageWrites } from './messages.ts';
import { queueWrites } from './queues.ts';
import { migrate } from './schema.ts';
import { seenWrites } from './seen.ts';
import { sweepWrites } from './sweep.ts';

const OWNER_ONLY = 0o600;
const FOLDER_OWNER_ONLY = 0o700;

/** What is drawn at random for each start of the writer. */
export interface Drawn {
  /** The key of a new store's ids: ID_KEY_OCTETS. */
  readonly idKey: Uint8Array;
  /** Stands for this run of the engine: below RUNS. */
  readonly run: number;
}

export function writeOperations(db: Database, ids: Ids, run: number) {
  const documents = documentWrites(db);
  const bodies = bodyWrites(db);
  const mailboxes = mailboxWrites(db, documents);
  const messages = messageWrites(db, bodies, ids, run);
  const seen = seenWrites(db);
  return {
    ...documents,
    ...bodies,
    ...mailboxes,
    ...messages,
    ...queueWrites(db),
    ...seen,
    ...sweepWrites(db, { bodies, mailboxes, expiry: expiryWrites(db, messages), seen }),
  };
}

export type Writes = ReturnType<typeof writeOperations>;

/** Takes the store's lock and opens its file, which is made when there is none. Throws StoreError. */
export function openWrites(file: string, drawn: Drawn): { db: Database; operations: Writes; close(): void } {
  mkdirSync(dirname(file), { recursive: true, mode: FOLDER_OWNER_ONLY });
  keepPrivate(`${file}.lock`);
  const locked = lock(file);
  try {
    keepPrivate(file); // its log and shared memory take their mode from it
    const db = openWriter(file);
    migrate(db);
    keepIdKey(db, drawn.idKey);
    const close = () => {
      db.close();
      locked[Symbol.dispose]();
    };
    return { db, operations: writeOperations(db, idsOf(db), drawn.run), close };
  } catch (error) {
    locked[Symbol.dispose]();
    throw error;
  }
}

function keepPrivate(file: string): void {
  closeSync(openSync(file, 'a', OWNER_ONLY));
  chmodSync(file, OWNER_ONLY);
}
