// Everything a reader can be asked for: the queries of all tables on a connection that cannot write.

import { type Database, openReader } from './database.ts';
import { documentReads } from './documents.ts';
import { type Ids, idsOf } from './ids.ts';
import { messageReads } from './listing.ts';
import { mailboxReads } from './mailboxes.ts';
import { queueReads } from './queues.ts';
import { seenReads } from './seen.ts';

export function readOperations(db: Database, ids: Ids) {
  return { ...documentReads(db), ...mailboxReads(db), ...messageReads(db, ids), ...queueReads(db), ...seenReads(db) };
}

export type Reads = ReturnType<typeof readOperations>;

export function openReads(file: string): { operations: Reads; close(): void } {
  const db = openReader(file);
  return { operations: readOperations(db, idsOf(db)), close: () => db.close() };
}
