// Mailboxes and their folders: making, changing, removing, listing. Their counters move with the messages, in `messages.ts`.

import { type Database, prepare, prepareTuples } from './database.ts';
import type { documentWrites } from './documents.ts';

export interface MailboxRow {
  readonly quotaBytes: number;
  readonly quotaMessages: number;
  readonly usedBytes: number;
  readonly usedMessages: number;
  readonly modseq: number;
  readonly expires: number | null;
}

export interface NewMailbox {
  readonly id: string;
  readonly quotaBytes: number;
  readonly quotaMessages: number;
  readonly expires: number | null;
  readonly documents: readonly (readonly [name: string, value: Uint8Array])[];
}

export interface MailboxChange {
  readonly quotaBytes: number | null;
  readonly quotaMessages: number | null;
  /** Undefined: as it is; null: never. */
  readonly expires: number | null | undefined;
}

export type FolderRow = [name: string, messages: number, bytes: number, unread: number, modseq: number];

const NEXT_CHANGE = '(SELECT modseq + 1 FROM mailboxes WHERE box = ?1)';

export function mailboxWrites(db: Database, documents: ReturnType<typeof documentWrites>) {
  const insert = prepare(
    db,
    'INSERT INTO mailboxes (id, quota_bytes, quota_messages, expires) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING',
  );
  const change = prepare(
    db,
    `UPDATE mailboxes SET quota_bytes = coalesce(?2, quota_bytes), quota_messages = coalesce(?3, quota_messages),
       expires = iif(?4, ?5, expires), modseq = modseq + 1 WHERE id = ?1`,
  );
  const remove = prepare<{ box: number }>(db, 'DELETE FROM mailboxes WHERE id = ? RETURNING box');
  const doom = prepare(db, 'INSERT INTO doomed (box) VALUES (?)');
  const expired = prepare<{ id: string }>(
    db,
    'SELECT id FROM mailboxes WHERE expires IS NOT NULL AND expires <= ? ORDER BY expires LIMIT ?',
  );
  const boxOf = prepare<{ box: number }>(db, 'SELECT box FROM mailboxes WHERE id = ?');
  const touch = prepare(db, 'UPDATE mailboxes SET modseq = modseq + 1 WHERE box = ?');
  const makeFolder = prepare(
    db,
    `INSERT INTO folders (box, name, made, messages, bytes, modseq) VALUES (?1, ?2, 1, 0, 0, ${NEXT_CHANGE})
     ON CONFLICT DO UPDATE SET made = 1, modseq = excluded.modseq WHERE made = 0`,
  );
  const removeFolder = prepare(db, 'DELETE FROM folders WHERE box = ? AND name = ? AND messages = 0');

  function removeMailbox(id: string): boolean {
    const row = remove.get(id);
    if (row === undefined) return false;
    doom.run(row.box);
    documents.removeDocuments(id);
    return true;
  }

  /** Runs `work` on the mailbox's number, and counts a change when it made one. */
  function changing(id: string, work: (box: number) => boolean): boolean {
    const box = boxOf.get(id)?.box;
    if (box === undefined || !work(box)) return false;
    touch.run(box);
    return true;
  }

  return {
    createMailbox(draft: NewMailbox): boolean {
      if (insert.run(draft.id, draft.quotaBytes, draft.quotaMessages, draft.expires) === 0) return false;
      for (const [name, value] of draft.documents) documents.putDocument(draft.id, name, value);
      return true;
    },
    changeMailbox: (id: string, { quotaBytes, quotaMessages, expires }: MailboxChange): boolean =>
      change.run(id, quotaBytes, quotaMessages, Number(expires !== undefined), expires ?? null) === 1,
    removeMailbox,
    createFolder: (id: string, folder: string): boolean => changing(id, (box) => makeFolder.run(box, folder) === 1),
    removeFolder: (id: string, folder: string): boolean => changing(id, (box) => removeFolder.run(box, folder) === 1),
    /** Removes up to `limit` mailboxes whose time has come; returns their ids. */
    sweepMailboxes(now: number, limit: number): string[] {
      const ids = expired.all(now, limit).map(({ id }) => id);
      for (const id of ids) removeMailbox(id);
      return ids;
    },
  };
}

export function mailboxReads(db: Database) {
  const get = prepare<MailboxRow>(
    db,
    `SELECT quota_bytes AS quotaBytes, quota_messages AS quotaMessages, used_bytes AS usedBytes,
       used_messages AS usedMessages, modseq, expires FROM mailboxes WHERE id = ?`,
  );
  const list = prepare<{ id: string }>(db, 'SELECT id FROM mailboxes WHERE id > ? ORDER BY id');
  const listFrom = prepare<{ id: string }>(db, 'SELECT id FROM mailboxes WHERE id > ?1 AND id >= ?2 ORDER BY id');
  const folders = prepareTuples<FolderRow>(
    db,
    'SELECT name, messages, bytes, unread, modseq FROM folders WHERE box = (SELECT box FROM mailboxes WHERE id = ?) ORDER BY name',
  );
  const usage = prepare<{ mailboxes: number; messages: number; bytes: number }>(
    db,
    `SELECT count(*) AS mailboxes, coalesce(sum(used_messages), 0) AS messages, coalesce(sum(used_bytes), 0) AS bytes
     FROM mailboxes`,
  );
  return {
    getMailbox: (id: string): MailboxRow | undefined => get.get(id),
    listMailboxes(prefix: string, after: string, limit: number): string[] {
      const ids: string[] = [];
      for (const { id } of prefix === '' ? list.rows(after) : listFrom.rows(after, prefix)) {
        if (ids.length === limit || !id.startsWith(prefix)) break;
        ids.push(id);
      }
      return ids;
    },
    listFolders: (id: string): FolderRow[] => folders.all(id),
    usage: () => usage.get() ?? { mailboxes: 0, messages: 0, bytes: 0 },
  };
}
