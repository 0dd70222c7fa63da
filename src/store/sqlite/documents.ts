// Small documents with versions: settings, subscriptions, pinned keys, and what a mailbox owns beside its messages.

import { type Database, prepare, prepareTuples } from './database.ts';

export function documentWrites(db: Database) {
  const version = prepare<{ version: number }>(db, 'SELECT version FROM documents WHERE owner = ? AND name = ?');
  const insert = prepare(db, 'INSERT INTO documents (owner, name, version, value) VALUES (?, ?, 1, ?)');
  const update = prepare(db, 'UPDATE documents SET value = ?3, version = version + 1 WHERE owner = ?1 AND name = ?2');
  const remove = prepare(db, 'DELETE FROM documents WHERE owner = ? AND name = ?');
  const removeAll = prepare(db, 'DELETE FROM documents WHERE owner = ?');
  return {
    putDocument(owner: string, name: string, value: Uint8Array, ifVersion?: number): number | undefined {
      const now = version.get(owner, name)?.version ?? 0;
      if (ifVersion !== undefined && ifVersion !== now) return undefined;
      if (now === 0) insert.run(owner, name, value);
      else update.run(owner, name, value);
      return now + 1;
    },
    removeDocument: (owner: string, name: string): boolean => remove.run(owner, name) === 1,
    removeDocuments: (owner: string): number => removeAll.run(owner),
  };
}

export function documentReads(db: Database) {
  const get = prepareTuples<[value: Uint8Array, version: number]>(
    db,
    'SELECT value, version FROM documents WHERE owner = ? AND name = ?',
  );
  const list = prepare<{ name: string }>(db, 'SELECT name FROM documents WHERE owner = ? ORDER BY name');
  return {
    getDocument: (owner: string, name: string) => get.get(owner, name),
    listDocuments: (owner: string): string[] => list.all(owner).map(({ name }) => name),
  };
}
