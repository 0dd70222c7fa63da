// The price of each statement: all go straight to their rows by an index, so that nothing grows slow as the store grows.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { openWriter } from './database.ts';
import { idsOf, keepIdKey } from './ids.ts';
import { readOperations } from './reads.ts';
import { migrate } from './schema.ts';
import { writeOperations } from './writes.ts';

/** What reads a whole table on purpose: totals, and tables that are all but empty. */
const WHOLE = ['SCAN mailboxes', 'SCAN loose', 'SCAN doomed', 'SCAN CONSTANT ROW'];

test('no statement reads through a table or sorts what it found', () => {
  const folder = mkdtempSync(join(tmpdir(), 'postern-plans-'));
  const db = openWriter(join(folder, 'store.db'));
  migrate(db);
  keepIdKey(db, new Uint8Array(16));
  const ids = idsOf(db);
  const prepare = vi.spyOn(db, 'prepare');
  readOperations(db, ids);
  writeOperations(db, ids, 0);
  const statements = prepare.mock.calls.map(([sql]) => sql).filter((sql) => !sql.startsWith('PRAGMA'));
  prepare.mockRestore();
  expect(statements.length).toBeGreaterThan(50);
  const dear = statements.flatMap((sql) =>
    db
      .prepare(`EXPLAIN QUERY PLAN ${sql}`)
      .all()
      .map((row) => String(row['detail']))
      .filter((detail) => /^SCAN|TEMP B-TREE/.test(detail) && !WHOLE.includes(detail))
      .map((detail) => `${detail}: ${sql}`),
  );
  expect(dear).toEqual([]);
  db.close();
  rmSync(folder, { recursive: true });
});
