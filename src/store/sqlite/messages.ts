// What changes the messages of a mailbox. Index entry, body, counters and tombstones move in one transaction.

import { StoreError } from '../errors.ts';
import { checkFlags } from '../limits.ts';
import type { BodyWrites } from './bodies.ts';
import { type Database, prepare } from './database.ts';
import type { BodyKey } from './held.ts';

export interface NewMessage {
  readonly id: string;
  readonly folder: string;
  readonly size: number;
  readonly sha256: string;
  readonly flags: string;
  readonly arrived: number;
  readonly expires: number | null;
  readonly entry: Uint8Array | null;
  /** The octets, or where they lie already. */
  readonly body: Uint8Array | BodyKey;
  readonly once: { readonly key: Uint8Array; readonly until: number } | null;
}

export type AppendResult = { readonly uid: number } | 'duplicate' | 'full' | 'no-mailbox';

interface Removed extends BodyKey {
  readonly id: Uint8Array;
  readonly folder: string;
  readonly size: number;
}

/** A mailbox remembers the removals among its last so many changes. */
const REMEMBERED = 10_000;

/** Flags are kept as one text, each on a line. */
export const joinFlags = (flags: readonly string[]): string => flags.join('\n');
export const splitFlags = (text: string): string[] => (text === '' ? [] : text.split('\n'));

export function messageWrites(db: Database, bodies: BodyWrites) {
  const boxOf = prepare<{ box: number; modseq: number }>(db, 'SELECT box, modseq FROM mailboxes WHERE id = ?');
  const admit = prepare<{ box: number; uid: number }>(
    db,
    `UPDATE mailboxes SET modseq = modseq + 1, used_bytes = used_bytes + ?2, used_messages = used_messages + 1
     WHERE id = ?1 AND used_bytes + ?2 <= quota_bytes AND used_messages < quota_messages RETURNING box, modseq AS uid`,
  );
  const seenBefore = prepare(db, 'SELECT 1 FROM once WHERE box = (SELECT box FROM mailboxes WHERE id = ?) AND key = ?');
  const remember = prepare(db, 'INSERT INTO once (box, key, until) VALUES (?, ?, ?)');
  const fillFolder = prepare(
    db,
    `INSERT INTO folders (box, name, made, messages, bytes) VALUES (?, ?, 0, ?, ?)
     ON CONFLICT DO UPDATE SET messages = messages + excluded.messages, bytes = bytes + excluded.bytes`,
  );
  const dropFolder = prepare(db, 'DELETE FROM folders WHERE box = ? AND name = ? AND messages = 0 AND made = 0');
  const insert = prepare(
    db,
    `INSERT INTO messages (box, uid, id, folder, size, sha256, flags, modseq, arrived, expires, body, entry)
     VALUES (?1, ?2, unhex(?3), ?4, ?5, unhex(?6), ?7, ?2, ?8, ?9, ?10, ?11)`,
  );
  const remove = prepare<Removed>(
    db,
    'DELETE FROM messages WHERE box = ? AND id = unhex(?) RETURNING box, body, id, folder, size',
  );
  const bury = prepare(db, 'INSERT INTO gone (box, modseq, id) VALUES (?, ?, ?)');
  const forgetUpTo = prepare(db, 'DELETE FROM gone WHERE box = ? AND modseq <= ?');
  const forgot = prepare(db, 'UPDATE mailboxes SET forgotten = max(forgotten, ?2) WHERE box = ?1');
  const release = prepare(
    db,
    `UPDATE mailboxes SET modseq = ?2, used_bytes = used_bytes - ?3, used_messages = used_messages - ?4 WHERE box = ?1`,
  );
  const find = prepare<{ uid: number; flags: string; folder: string; size: number }>(
    db,
    'SELECT uid, flags, folder, size FROM messages WHERE box = ? AND id = unhex(?)',
  );
  const setFlags = prepare(db, 'UPDATE messages SET flags = ?3, modseq = ?4 WHERE box = ?1 AND uid = ?2');
  const setFolder = prepare(db, 'UPDATE messages SET folder = ?3, modseq = ?4 WHERE box = ?1 AND uid = ?2');
  const setModseq = prepare(db, 'UPDATE mailboxes SET modseq = ?2 WHERE box = ?1');
  const expired = prepare<{ mailbox: string; id: string }>(
    db,
    `SELECT mailboxes.id AS mailbox, lower(hex(messages.id)) AS id FROM messages JOIN mailboxes USING (box)
     WHERE messages.expires IS NOT NULL AND messages.expires <= ? ORDER BY messages.expires LIMIT ?`,
  );

  /** Removes what is there of `ids`; `later`: bodies are left to be cleared. */
  function removeMessages(mailbox: string, ids: readonly string[]): { removed: number; later: boolean } {
    const state = boxOf.get(mailbox);
    if (state === undefined) return { removed: 0, later: false };
    let [removed, bytes, later] = [0, 0, false];
    for (const id of ids) {
      const message = remove.get(state.box, id);
      if (message === undefined) continue;
      removed += 1;
      bytes += message.size;
      bury.run(state.box, state.modseq + removed, message.id);
      fillFolder.run(state.box, message.folder, -1, -message.size);
      dropFolder.run(state.box, message.folder);
      later = bodies.dropBody(message, message.size) || later;
    }
    if (removed === 0) return { removed, later };
    const modseq = state.modseq + removed;
    release.run(state.box, modseq, bytes, removed);
    if (forgetUpTo.run(state.box, modseq - REMEMBERED) > 0) forgot.run(state.box, modseq - REMEMBERED);
    return { removed, later };
  }

  return {
    append(mailbox: string, draft: NewMessage): AppendResult {
      if (draft.once && seenBefore.get(mailbox, draft.once.key)) return 'duplicate';
      const place = admit.get(mailbox, draft.size);
      if (place === undefined) return boxOf.get(mailbox) ? 'full' : 'no-mailbox';
      const { box, uid } = place;
      let body = uid;
      if (draft.body instanceof Uint8Array) bodies.writeBody({ box, body }, draft.body);
      else {
        if (draft.body.box !== box) throw new StoreError('no-body', 'the body belongs to another mailbox');
        bodies.takeBody(draft.body);
        body = draft.body.body;
      }
      if (draft.once) remember.run(box, draft.once.key, draft.once.until);
      fillFolder.run(box, draft.folder, 1, draft.size);
      insert.run(
        box,
        uid,
        draft.id,
        draft.folder,
        draft.size,
        draft.sha256,
        draft.flags,
        draft.arrived,
        draft.expires,
        body,
        draft.entry,
      );
      return { uid };
    },

    removeMessages,

    /** Undefined: no such message; false: nothing to change. */
    flag(mailbox: string, id: string, add: readonly string[], drop: readonly string[]): boolean | undefined {
      const state = boxOf.get(mailbox);
      const message = state && find.get(state.box, id);
      if (!message) return undefined;
      const kept = splitFlags(message.flags).filter((flag) => !drop.includes(flag));
      const flags = joinFlags(checkFlags([...kept, ...add]));
      if (flags === message.flags) return false;
      setFlags.run(state.box, message.uid, flags, state.modseq + 1);
      setModseq.run(state.box, state.modseq + 1);
      return true;
    },

    /** Undefined: no such message; false: it is in that folder already. */
    move(mailbox: string, id: string, folder: string): boolean | undefined {
      const state = boxOf.get(mailbox);
      const message = state && find.get(state.box, id);
      if (!message) return undefined;
      if (folder === message.folder) return false;
      fillFolder.run(state.box, message.folder, -1, -message.size);
      dropFolder.run(state.box, message.folder);
      fillFolder.run(state.box, folder, 1, message.size);
      setFolder.run(state.box, message.uid, folder, state.modseq + 1);
      setModseq.run(state.box, state.modseq + 1);
      return true;
    },

    /** Removes up to `limit` messages whose time has come; says in which mailboxes. */
    sweepMessages(now: number, limit: number): { removed: number; mailboxes: string[] } {
      const ids = new Map<string, string[]>();
      for (const { mailbox, id } of expired.all(now, limit)) ids.set(mailbox, [...(ids.get(mailbox) ?? []), id]);
      let removed = 0;
      for (const [mailbox, some] of ids) removed += removeMessages(mailbox, some).removed;
      return { removed, mailboxes: [...ids.keys()] };
    },
  };
}
