// Group commit: all calls that are at hand share one transaction, and so one sync of the disk. A call that fails is undone
// alone; a commit that fails undoes all of them, and each is told.

import type { StoreError } from '../errors.ts';
import type { Database } from './database.ts';
import { failureOf, toFailure } from './failure.ts';
import type { Call, Operation, Reply } from './link.ts';

export type Group = (calls: readonly Call[]) => Reply[];

/**
 * Calls of this operation are first tried without a savepoint each, which would cost a quarter of their time. They hardly ever
 * fail, and leave nothing outside the database: so when one does, the group is undone and run again, then with savepoints.
 */
const TRIED = 'append';

/** Prepares the runner of groups for `db`. What it returns runs the calls, commits, and only then has replies. */
export function groups(db: Database, operations: Readonly<Record<string, Operation>>): Group {
  const begin = db.prepare('BEGIN IMMEDIATE');
  const commit = db.prepare('COMMIT');
  const mark = db.prepare('SAVEPOINT call');
  const keep = db.prepare('RELEASE call');
  const undo = db.prepare('ROLLBACK TO call');
  /** After a failed sync nobody knows what the disk holds: the writer takes nothing more until it is opened anew. */
  let broken: StoreError | undefined;

  const plainly = ([ticket, operation, args]: Call): Reply => [ticket, operations[operation]?.(...args)];

  function one(call: Call): Reply {
    mark.run();
    try {
      const reply = plainly(call);
      keep.run();
      return reply;
    } catch (error) {
      if (!db.isTransaction) throw error; // SQLite has given up the whole transaction
      undo.run();
      keep.run();
      return [call[0], undefined, toFailure(error)];
    }
  }

  /** Undefined when a call failed; then all are undone. */
  function tried(calls: readonly Call[]): Reply[] | undefined {
    try {
      return calls.map(plainly);
    } catch {
      if (db.isTransaction) db.exec('ROLLBACK');
      begin.run();
      return undefined;
    }
  }

  return (calls) => {
    if (broken) return failed(calls, broken);
    try {
      begin.run();
      const safe = calls.every(([, operation]) => operation === TRIED);
      const replies = (safe ? tried(calls) : undefined) ?? calls.map(one);
      commit.run();
      return replies;
    } catch (error) {
      const failure = failureOf(error);
      if (db.isTransaction) db.exec('ROLLBACK');
      if (failure.code === 'io') broken = failure;
      return failed(calls, failure);
    }
  };
}

function failed(calls: readonly Call[], failure: StoreError): Reply[] {
  return calls.map(([ticket]) => [ticket, undefined, toFailure(failure)]);
}
