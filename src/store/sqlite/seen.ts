// Seen-sets: keys that must not count twice (replay tags, cookies, deliveries), each until its time.

import { type Database, prepare } from './database.ts';

export function seenWrites(db: Database) {
  const extend = prepare(db, 'UPDATE seen SET until = max(until, ?3) WHERE name = ?1 AND key = ?2');
  const insert = prepare(db, 'INSERT INTO seen (name, key, until) VALUES (?, ?, ?) ON CONFLICT DO NOTHING');
  const sweep = prepare(
    db,
    `DELETE FROM seen WHERE (name, key) IN
       (SELECT name, key FROM seen INDEXED BY seen_until WHERE until <= ? ORDER BY until LIMIT ?)`,
  );
  return {
    addSeen: (set: string, keys: readonly Uint8Array[], until: number): boolean[] =>
      keys.map((key) => {
        if (insert.run(set, key, until) === 1) return true;
        extend.run(set, key, until);
        return false;
      }),
    sweepSeen: (now: number, limit: number): number => sweep.run(now, limit),
  };
}

export function seenReads(db: Database) {
  const has = prepare(db, 'SELECT 1 FROM seen WHERE name = ? AND key = ?');
  return {
    hasSeen: (set: string, key: Uint8Array): boolean => has.get(set, key) !== undefined,
  };
}
