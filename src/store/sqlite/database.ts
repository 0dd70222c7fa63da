// One connection to the database file, and its statements. All connections of the engine are made here, alike.

import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';

export type Database = DatabaseSync;

/** Pages of 4 KiB that the log gathers before they move into the file, 16 MiB: appends then wait some 20 ms for it. */
const LOG_PAGES = 4096;
const LOG_BYTES = LOG_PAGES * 4096;
/** How long a connection waits for another's lock. They are all ours and hold theirs for moments. */
export const BUSY_MS = 10_000;
const CACHE_KIB = 32 * 1024;

export function openWriter(file: string): Database {
  const db = new DatabaseSync(file, { timeout: BUSY_MS });
  // auto_vacuum comes first: it can be chosen only while the file is empty. With temp_store in memory the savepoints of a
  // group, which copy each page before its first change, cost no system calls.
  db.exec(`
    PRAGMA auto_vacuum = INCREMENTAL;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA secure_delete = ON;
    PRAGMA temp_store = MEMORY;
    PRAGMA wal_autocheckpoint = ${LOG_PAGES};
    PRAGMA journal_size_limit = ${LOG_BYTES};
    PRAGMA cache_size = -${CACHE_KIB};
  `);
  return db;
}

export function openReader(file: string): Database {
  const db = new DatabaseSync(file, { timeout: BUSY_MS, readOnly: true });
  db.exec(`PRAGMA cache_size = -${CACHE_KIB}`);
  return db;
}

/** A prepared statement that gives rows of type `Row`; the caller vouches that the SQL does. */
export interface Statement<Row> {
  get(...values: SQLInputValue[]): Row | undefined;
  all(...values: SQLInputValue[]): Row[];
  rows(...values: SQLInputValue[]): IterableIterator<Row>;
  /** Runs it and tells how many rows it changed. */
  run(...values: SQLInputValue[]): number;
}

/** Prepares `sql`, whose rows come as objects. Made once a connection, never inside an operation. */
export function prepare<Row extends object>(db: Database, sql: string): Statement<Row> {
  return typed<Row>(db.prepare(sql));
}

/** Prepares `sql`, whose rows come as arrays: cheaper to hand to another thread. */
export function prepareTuples<Row extends readonly unknown[]>(db: Database, sql: string): Statement<Row> {
  const statement = db.prepare(sql);
  statement.setReturnArrays(true);
  return typed<Row>(statement);
}

function typed<Row>(statement: StatementSync): Statement<Row> {
  return {
    get: (...values) => statement.get(...values) as Row | undefined,
    all: (...values) => statement.all(...values) as Row[],
    rows: (...values) => statement.iterate(...values) as IterableIterator<Row>,
    run: (...values) => Number(statement.run(...values).changes),
  };
}

/** Runs `work` on one snapshot of the database. */
export function snapshot<T>(db: Database, work: () => T): T {
  db.exec('BEGIN');
  try {
    return work();
  } finally {
    db.exec('COMMIT');
  }
}
