// Everything the writer can be asked for: the operations of all tables on the one connection that writes.

import { chmodSync, closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { bodyWrites } from './bodies.ts';
import { type Database, openWriter } from './database.ts';
import { documentWrites } from './documents.ts';
import { lock } from './lock.ts';
import { mailboxWrites } from './mailboxes.ts';
import { messageWrites } from './messages.ts';
import { queueWrites } from './queues.ts';
import { migrate } from './schema.ts';
import { seenWrites } from './seen.ts';
import { sweepWrites } from './sweep.ts';

const OWNER_ONLY = 0o600;
const FOLDER_OWNER_ONLY = 0o700;

export function writeOperations(db: Database) {
  const documents = documentWrites(db);
  const bodies = bodyWrites(db);
  const mailboxes = mailboxWrites(db, documents);
  const messages = messageWrites(db, bodies);
  const seen = seenWrites(db);
  return {
    ...documents,
    ...bodies,
    ...mailboxes,
    ...messages,
    ...queueWrites(db),
    ...seen,
    ...sweepWrites(db, { bodies, mailboxes, messages, seen }),
  };
}

export type Writes = ReturnType<typeof writeOperations>;

/** Takes the store's lock and opens its file, which is made when there is none. Throws StoreError. */
export function openWrites(file: string): { db: Database; operations: Writes; close(): void } {
  mkdirSync(dirname(file), { recursive: true, mode: FOLDER_OWNER_ONLY });
  keepPrivate(`${file}.lock`);
  const locked = lock(file);
  try {
    keepPrivate(file); // its log and shared memory take their mode from it
    const db = openWriter(file);
    migrate(db);
    const close = () => {
      db.close();
      locked.close();
    };
    return { db, operations: writeOperations(db), close };
  } catch (error) {
    locked.close();
    throw error;
  }
}

function keepPrivate(file: string): void {
  closeSync(openSync(file, 'a', OWNER_ONLY));
  chmodSync(file, OWNER_ONLY);
}
