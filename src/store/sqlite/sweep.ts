// What has expired goes, a little at a time: each step is one call, so that appends find room between two of them.

import { DAY } from '../../base/time.ts';
import type { BodyWrites } from './bodies.ts';
import { BUSY_MS, type Database, prepare } from './database.ts';
import type { ExpiryWrites, Visit } from './expiry.ts';
import type { mailboxWrites } from './mailboxes.ts';
import type { seenWrites } from './seen.ts';

/** Rows taken in one step. */
const STEP = 200;
/** Free pages given back to the file system in one step. */
const STEP_PAGES = 256;
/** How long a mailbox remembers what was removed from it. */
const REMEMBER_GONE = 30 * DAY;

export const FOLD = 'foldLog';

/**
 * Moves the log into the file and empties it, so that octets which were removed are not kept there either.
 * Does not wait for a reader who still needs the log, nor tell when it fails: nothing is lost, and the next sweep tries again.
 */
export function fold(db: Database): void {
  db.exec('PRAGMA busy_timeout = 0');
  try {
    db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  } catch {
  } finally {
    db.exec(`PRAGMA busy_timeout = ${BUSY_MS}`);
  }
}

export interface SweptStep {
  readonly messages: number;
  readonly mailboxes: number;
  readonly seen: number;
  readonly uploads: number;
  /** Mailboxes that changed. */
  readonly changed: readonly string[];
  /** False when there was nothing left to take. */
  readonly more: boolean;
  /** Where the next step goes on. */
  readonly next: Visit;
}

export interface Swept {
  readonly bodies: BodyWrites;
  readonly mailboxes: ReturnType<typeof mailboxWrites>;
  readonly expiry: ExpiryWrites;
  readonly seen: ReturnType<typeof seenWrites>;
}

export function sweepWrites(db: Database, { bodies, mailboxes, expiry, seen }: Swept) {
  const dateGone = prepare(
    db,
    `UPDATE gone SET since = ?1 WHERE (box, modseq) IN
       (SELECT box, modseq FROM gone INDEXED BY gone_since WHERE since IS NULL LIMIT ?2)`,
  );
  const oldGone = prepare<{ box: number; modseq: number }>(
    db,
    'SELECT box, modseq FROM gone WHERE since <= ? ORDER BY since LIMIT ?',
  );
  const removeGone = prepare(db, 'DELETE FROM gone WHERE box = ? AND modseq = ?');
  const forgot = prepare(db, 'UPDATE mailboxes SET forgotten = max(forgotten, ?2) WHERE box = ?1');
  const freePages = prepare<{ freelist_count: number }>(db, 'PRAGMA freelist_count');

  function sweepGone(now: number): number {
    const dated = dateGone.run(now, STEP);
    const old = oldGone.all(now - REMEMBER_GONE, STEP);
    for (const { box, modseq } of old) {
      removeGone.run(box, modseq);
      forgot.run(box, modseq);
    }
    return Math.max(dated, old.length);
  }

  return {
    /** Takes some of what has expired at `now`; `from` is NO_VISIT first, then the `next` of the step before. */
    sweepSome(now: number, from: Visit): SweptStep {
      const fromBoxes = mailboxes.sweepMailboxes(now, STEP);
      const { messages, changed, next, more } = expiry.sweepExpired(now, from);
      const keys = seen.sweepSeen(now, STEP);
      const steps = [fromBoxes.length, keys, sweepGone(now)];
      return {
        messages,
        mailboxes: fromBoxes.length,
        seen: keys,
        uploads: bodies.sweepUploads(now),
        changed: [...fromBoxes, ...changed],
        more: more || steps.some((rows) => rows >= STEP),
        next,
      };
    },

    /** Gives some free pages back to the file system; false when there were none. */
    shrink(): boolean {
      if ((freePages.get()?.freelist_count ?? 0) === 0) return false;
      db.exec(`PRAGMA incremental_vacuum(${STEP_PAGES})`);
      return true;
    },

    /** Asks for `fold` once this group is committed. */
    [FOLD]: (): void => {},
  };
}
