// Named queues of jobs. `due` is when a job may be taken next: its own time, or the end of the lease that hides it.

import { type Database, prepare, prepareTuples } from './database.ts';

export type JobRow = [id: string, body: Uint8Array, attempts: number, accepted: number];

export function queueWrites(db: Database) {
  const push = prepare(
    db,
    'INSERT INTO jobs (queue, id, due, accepted, body) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
  );
  const due = prepareTuples<JobRow>(
    db,
    'SELECT id, body, attempts, accepted FROM jobs WHERE queue = ? AND due <= ? ORDER BY due, id LIMIT ?',
  );
  const hide = prepare(
    db,
    'UPDATE jobs SET due = ?3, attempts = attempts + 1, leased = 1 WHERE queue = ?1 AND id = ?2',
  );
  const finish = prepare(db, 'DELETE FROM jobs WHERE queue = ? AND id = ?');
  const postpone = prepare(
    db,
    'UPDATE jobs SET due = ?3, body = coalesce(?4, body), leased = 0 WHERE queue = ?1 AND id = ?2',
  );
  const endLeases = prepare(db, 'UPDATE jobs SET due = ?2, leased = 0 WHERE queue = ?1 AND leased = 1');
  return {
    pushJob: (queue: string, id: string, body: Uint8Array, accepted: number, notBefore: number): boolean =>
      push.run(queue, id, notBefore, accepted, body) === 1,
    leaseJobs(queue: string, now: number, leaseUntil: number, limit: number): JobRow[] {
      const jobs = due.all(queue, now, limit);
      for (const [id] of jobs) hide.run(queue, id, leaseUntil);
      return jobs;
    },
    finishJob: (queue: string, id: string): boolean => finish.run(queue, id) === 1,
    postponeJob: (queue: string, id: string, notBefore: number, body: Uint8Array | null): boolean =>
      postpone.run(queue, id, notBefore, body) === 1,
    endLeases: (queue: string, now: number): number => endLeases.run(queue, now),
  };
}

export function queueReads(db: Database) {
  const next = prepare<{ due: number | null }>(db, 'SELECT min(due) AS due FROM jobs WHERE queue = ?');
  const count = prepare<{ count: number }>(db, 'SELECT count(*) AS count FROM jobs WHERE queue = ?');
  return {
    nextDue: (queue: string): number | undefined => next.get(queue)?.due ?? undefined,
    countJobs: (queue: string): number => count.get(queue)?.count ?? 0,
  };
}
