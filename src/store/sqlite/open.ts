// Opens the embedded store: one file, one writer and a few readers in threads of their own.

import { extname, resolve } from 'node:path';
import { type Random, randomInt, systemRandom } from '../../base/random.ts';
import type { Store } from '../store.ts';
import { storeOf } from './engine.ts';
import { ID_KEY_OCTETS, RUNS } from './ids.ts';
import { Link } from './link.ts';
import type { Reads } from './reads.ts';
import type { WorkerTask } from './worker.ts';
import type { Writes } from './writes.ts';

export interface SqliteStoreOptions {
  /** The database file; its folder and itself are made, for this user alone, when they are not there. */
  readonly file: string;
  /** Where the key of a new store's message ids comes from, and the number of this run. */
  readonly random?: Random;
  /** Threads that answer queries: 1 when not given. */
  readonly readers?: number;
}

/**
 * Opens the store in `file` and brings its schema up to date.
 * Rejects with StoreError: `locked` (another process has it), `newer` (a later version wrote it), `corrupt`, `io`.
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  const file = resolve(options.file);
  // The same file beside this one, whether it runs as source or as built.
  const script = new URL(`./worker${extname(import.meta.url)}`, import.meta.url);
  const random = options.random ?? systemRandom;
  const writes: WorkerTask = { role: 'writer', file, idKey: random.bytes(ID_KEY_OCTETS), run: randomInt(random, RUNS) };
  const reads: WorkerTask = { role: 'reader', file };
  const writer = new Link<Writes>(script, writes);
  const readers = Array.from({ length: options.readers ?? 1 }, () => new Link<Reads>(script, reads));
  const links = [...readers, writer];
  try {
    await Promise.all(links.map((link) => link.ready));
  } catch (error) {
    await Promise.all(links.map((link) => link.close()));
    throw error;
  }
  return storeOf(file, writer, readers);
}
