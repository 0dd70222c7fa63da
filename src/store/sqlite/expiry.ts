// What expires inside mailboxes: messages, and keys of the duplicate rule. No index orders them by time; each mailbox knows when
// something of it may expire first, and the sweep visits those whose time has come, some rows a step.

import { type Database, prepare } from './database.ts';
import type { MessageWrites, Numbers } from './messages.ts';

const NEVER = Number.POSITIVE_INFINITY;
/** What one step may cost: each row that is looked at counts 1, ... */
const STEP_COST = 1000;
/** ... and each that is removed, and each mailbox, this much. */
const DEAR = 5;

/** How far a sweep has come. It goes through the mailboxes by their time, through messages by uid, then through keys in order. */
export interface Visit {
  firstExpiry: number;
  box: number;
  /** The last message looked at. */
  uid: number;
  /** The next key to look at; undefined while messages are left. */
  key: Uint8Array | undefined;
  /** The mailbox's change counter when the first key was looked at. */
  modseq: number;
  /** When the first of all that was looked at and left expires. */
  soonest: number;
}

/** Before the first mailbox. */
export const NO_VISIT: Readonly<Visit> = {
  firstExpiry: -1,
  box: 0,
  uid: 0,
  key: undefined,
  modseq: 0,
  soonest: NEVER,
};

interface ExpiryStep {
  /** How many were removed. */
  readonly messages: number;
  /** Mailboxes that changed. */
  readonly changed: readonly string[];
  readonly next: Visit;
  /** False when no mailbox is left to visit. */
  readonly more: boolean;
}

interface DueBox {
  readonly box: number;
  readonly id: string;
  readonly modseq: number;
  readonly firstExpiry: number;
}

const NO_KEY = new Uint8Array(0);
/** After a key, it makes the least key that is larger. */
const NEXT_KEY = new Uint8Array(1);

export function expiryWrites(db: Database, messages: MessageWrites) {
  const due = prepare<DueBox>(
    db,
    `SELECT box, id, modseq, first_expiry AS firstExpiry FROM mailboxes
     WHERE first_expiry IS NOT NULL AND first_expiry <= ?1 AND (first_expiry, box) >= (?2, ?3)
     ORDER BY first_expiry, box LIMIT 1`,
  );
  const entries = prepare<Numbers & { expires: number | null }>(
    db,
    `SELECT uid, run, expires FROM messages WHERE box = ?1 AND touched = 0 AND uid > ?2 UNION ALL
     SELECT uid, run, expires FROM messages WHERE box = ?1 AND touched = 1 AND uid > ?2 ORDER BY uid`,
  );
  const keys = prepare<{ key: Uint8Array; until: number }>(
    db,
    'SELECT key, until FROM once WHERE box = ? AND key >= ? ORDER BY key',
  );
  const removeKey = prepare(db, 'DELETE FROM once WHERE box = ? AND key = ?');
  const settle = prepare(db, 'UPDATE mailboxes SET first_expiry = ?2 WHERE box = ?1');

  return {
    /** Removes some of what has expired at `now`, going on at `from`. */
    sweepExpired(now: number, from: Visit): ExpiryStep {
      const changed: string[] = [];
      let [visit, cost, removed] = [{ ...from }, 0, 0];

      function isOver(expires: number): boolean {
        const over = expires <= now;
        cost += over ? DEAR : 1;
        if (!over) visit.soonest = Math.min(visit.soonest, expires);
        return over;
      }

      /** True when all were looked at. */
      function visitMessages({ box, id, modseq }: DueBox): boolean {
        const over: Numbers[] = [];
        let all = true;
        for (const message of entries.rows(box, visit.uid)) {
          if (cost >= STEP_COST) all = false;
          if (!all) break;
          if (isOver(message.expires ?? NEVER)) over.push(message);
          visit.uid = message.uid;
        }
        const count = messages.removeFrom({ box, modseq }, over).removed;
        if (count > 0) changed.push(id);
        removed += count;
        visit.modseq = modseq + count;
        return all;
      }

      /** True when all were looked at. */
      function visitKeys(box: number, first: Uint8Array): boolean {
        const over: Uint8Array[] = [];
        let all = true;
        visit.key = first;
        for (const { key, until } of keys.rows(box, first)) {
          if (cost >= STEP_COST) all = false;
          if (!all) break;
          if (isOver(until)) over.push(key);
          visit.key = Buffer.concat([key, NEXT_KEY]);
        }
        for (const key of over) removeKey.run(box, key);
        return all;
      }

      for (;;) {
        const box = due.get(now, visit.firstExpiry, visit.box);
        if (box === undefined) return { messages: removed, changed, next: visit, more: false };
        const { firstExpiry } = box;
        cost += DEAR;
        if (box.box !== visit.box || firstExpiry !== visit.firstExpiry) {
          visit = { ...NO_VISIT, firstExpiry, box: box.box };
        }
        // A message that was appended between two steps lies further on and is met, but its key may sort before those that
        // were looked at: then the mailbox keeps its old time, and the next sweep visits it again.
        const missed = visit.key !== undefined && visit.modseq !== box.modseq;
        const ended = (visit.key !== undefined || visitMessages(box)) && visitKeys(box.box, visit.key ?? NO_KEY);
        if (ended) {
          if (!missed) settle.run(box.box, visit.soonest === NEVER ? null : visit.soonest);
          visit = { ...NO_VISIT, firstExpiry, box: box.box + 1 };
        }
        if (cost >= STEP_COST) return { messages: removed, changed, next: visit, more: true };
      }
    },
  };
}

export type ExpiryWrites = ReturnType<typeof expiryWrites>;
