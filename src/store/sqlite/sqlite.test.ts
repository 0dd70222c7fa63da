// The embedded engine keeps the store's contract.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { storeContract } from '../../../test/store-contract.ts';
import { openSqliteStore } from './open.ts';

const folder = mkdtempSync(join(tmpdir(), 'postern-sqlite-'));
afterAll(() => rmSync(folder, { recursive: true }));

let made = 0;
storeContract('sqlite', () => {
  made += 1;
  return openSqliteStore({ file: join(folder, `${made}`, 'store.db') });
});
