// What changes the messages of a mailbox. Index entry, body, counters and tombstones move in one transaction.

import { StoreError } from '../errors.ts';
import { checkFlags } from '../limits.ts';
import { READ } from '../messages.ts';
import type { BodyWrites } from './bodies.ts';
import { type Database, prepare } from './database.ts';
import type { BodyKey } from './held.ts';
import type { Ids } from './ids.ts';
import { INBOX } from './schema.ts';

/** A message on its way to the writer: digest and key as hex, which travels cheaper than small buffers. */
export interface NewMessage {
  readonly folder: string;
  readonly size: number;
  readonly sha256: string;
  readonly flags: string;
  readonly arrived: number;
  readonly expires: number | null;
  readonly entry: Uint8Array | null;
  readonly name: string | null;
  /** The octets, or where they lie already. */
  readonly body: Uint8Array | BodyKey;
  readonly once: { readonly key: string; readonly until: number } | null;
}

export type AppendResult = { readonly id: string; readonly uid: number } | 'duplicate' | 'full' | 'no-mailbox';

interface State {
  readonly box: number;
  readonly modseq: number;
  readonly bytesLeft: number;
  readonly messagesLeft: number;
  readonly firstExpiry: number | null;
}

/** A message of a mailbox that is known. */
export interface Numbers {
  readonly uid: number;
  readonly run: number;
}

interface Found extends BodyKey, Numbers {
  readonly flags: string;
  readonly folder: string;
  readonly size: number;
  readonly name: Uint8Array | null;
}

/** A mailbox remembers the removals among its last so many changes. */
const REMEMBERED = 10_000;

/** Flags are kept as one text, each on a line. */
export const joinFlags = (flags: readonly string[]): string => flags.join('\n');
export const splitFlags = (text: string): string[] => (text === '' ? [] : text.split('\n'));

const unread = (flags: string): 0 | 1 => (splitFlags(flags).includes(READ) ? 0 : 1);

/** What a message is found by when its mailbox and its id are known. */
const AT = 'box = ? AND touched IN (0, 1) AND uid = ? AND run = ?';

/** `run` is the number of this run of the engine. */
export function messageWrites(db: Database, bodies: BodyWrites, ids: Ids, run: number) {
  const stateOf = prepare<State>(
    db,
    `SELECT box, modseq, quota_bytes - used_bytes AS bytesLeft, quota_messages - used_messages AS messagesLeft,
       first_expiry AS firstExpiry FROM mailboxes WHERE id = ?`,
  );
  const boxOf = prepare<{ box: number; modseq: number }>(db, 'SELECT box, modseq FROM mailboxes WHERE id = ?');
  const count = prepare(
    db,
    `UPDATE mailboxes SET modseq = ?2, used_bytes = used_bytes + ?3, used_messages = used_messages + ?4 WHERE box = ?1`,
  );
  const expireFrom = prepare(db, 'UPDATE mailboxes SET first_expiry = ?2 WHERE box = ?1');
  const seenBefore = prepare(db, 'SELECT 1 FROM once WHERE box = ? AND key = unhex(?)');
  const remember = prepare(db, 'INSERT INTO once (box, key, until) VALUES (?, unhex(?), ?) ON CONFLICT DO NOTHING');
  const fillFolder = prepare(
    db,
    `INSERT INTO folders (box, name, made, messages, bytes, unread, modseq) VALUES (?, ?, 0, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET messages = messages + excluded.messages, bytes = bytes + excluded.bytes,
       unread = unread + excluded.unread, modseq = excluded.modseq`,
  );
  const dropFolder = prepare(db, 'DELETE FROM folders WHERE box = ? AND name = ? AND messages = 0 AND made = 0');
  const insert = prepare(
    db,
    `INSERT INTO messages (box, touched, uid, run, folder, size, sha256, flags, modseq, arrived, expires, body, entry, name)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, unhex(?7), ?8, ?3, ?9, ?10, ?11, ?12, unhex(?13))`,
  );
  const remove = prepare<Found>(
    db,
    `DELETE FROM messages WHERE ${AT} RETURNING box, uid, run, body, flags, folder, size, name`,
  );
  const find = prepare<Found>(db, `SELECT box, uid, run, body, flags, folder, size, name FROM messages WHERE ${AT}`);
  const touch = prepare(
    db,
    `UPDATE messages SET touched = 1, flags = ?4, folder = ?5, modseq = ?3
     WHERE box = ?1 AND touched IN (0, 1) AND uid = ?2`,
  );
  const bury = prepare(db, 'INSERT INTO gone (box, modseq, uid, run, folder, name) VALUES (?, ?, ?, ?, ?, ?)');
  const forgetUpTo = prepare(db, 'DELETE FROM gone WHERE box = ? AND modseq <= ?');
  const forgot = prepare(db, 'UPDATE mailboxes SET forgotten = max(forgotten, ?2) WHERE box = ?1');
  const setModseq = prepare(db, 'UPDATE mailboxes SET modseq = ?2 WHERE box = ?1');

  /** Removes those that are there; `later`: bodies are left to be cleared. */
  function removeFrom(
    { box, modseq }: { box: number; modseq: number },
    numbers: readonly Numbers[],
  ): { removed: number; later: boolean } {
    let [removed, bytes, later] = [0, 0, false];
    for (const numbered of numbers) {
      const message = remove.get(box, numbered.uid, numbered.run);
      if (message === undefined) continue;
      removed += 1;
      bytes += message.size;
      bury.run(box, modseq + removed, message.uid, message.run, message.folder, message.name);
      emptyFolder(message, modseq + removed);
      later = bodies.dropBody(message, message.size) || later;
    }
    if (removed === 0) return { removed, later };
    const now = modseq + removed;
    count.run(box, now, -bytes, -removed);
    if (forgetUpTo.run(box, now - REMEMBERED) > 0) forgot.run(box, now - REMEMBERED);
    return { removed, later };
  }

  function emptyFolder({ box, folder, size, flags }: Found, modseq: number): void {
    fillFolder.run(box, folder, -1, -size, -unread(flags), modseq);
    dropFolder.run(box, folder);
  }

  function findIn(box: number, id: string): Found | undefined {
    const place = ids.open(id);
    return place?.box === box ? find.get(box, place.uid, place.run) : undefined;
  }

  return {
    append(mailbox: string, draft: NewMessage): AppendResult {
      const state = stateOf.get(mailbox);
      if (state === undefined) return 'no-mailbox';
      const { box, firstExpiry } = state;
      const { folder, size, expires, once } = draft;
      const full = size > state.bytesLeft || state.messagesLeft < 1;
      if (once) {
        const seen = full ? seenBefore.get(box, once.key) : remember.run(box, once.key, once.until) === 0;
        if (seen) return 'duplicate';
      }
      if (full) return 'full';
      const uid = state.modseq + 1;
      const { sha256, flags, arrived, entry, name } = draft;
      const touched = Number(folder !== INBOX || flags !== '');
      const body = bodyOf(box, draft.body);
      insert.run(box, touched, uid, run, folder, size, sha256, flags, arrived, expires, body, entry, name);
      fillFolder.run(box, folder, 1, size, unread(flags), uid);
      count.run(box, uid, size, 1);
      const soonest = Math.min(expires ?? Number.POSITIVE_INFINITY, once?.until ?? Number.POSITIVE_INFINITY);
      if (soonest < (firstExpiry ?? Number.POSITIVE_INFINITY)) expireFrom.run(box, soonest);
      return { id: ids.seal({ box, run, uid }), uid };
    },

    /** Removes what is there of `some`; `later`: bodies are left to be cleared. */
    removeMessages(mailbox: string, some: readonly string[]): { removed: number; later: boolean } {
      const state = boxOf.get(mailbox);
      if (state === undefined) return { removed: 0, later: false };
      const places = some.flatMap((id) => ids.open(id) ?? []).filter(({ box }) => box === state.box);
      return removeFrom(state, places);
    },

    removeFrom,

    /** Undefined: no such message; false: nothing to change. */
    flag(mailbox: string, id: string, add: readonly string[], drop: readonly string[]): boolean | undefined {
      const state = boxOf.get(mailbox);
      const message = state && findIn(state.box, id);
      if (!message) return undefined;
      const kept = splitFlags(message.flags).filter((flag) => !drop.includes(flag));
      const flags = joinFlags(checkFlags([...kept, ...add]));
      if (flags === message.flags) return false;
      fillFolder.run(state.box, message.folder, 0, 0, unread(flags) - unread(message.flags), state.modseq + 1);
      touch.run(state.box, message.uid, state.modseq + 1, flags, message.folder);
      setModseq.run(state.box, state.modseq + 1);
      return true;
    },

    /** Undefined: no such message; false: it is in that folder already. */
    move(mailbox: string, id: string, folder: string): boolean | undefined {
      const state = boxOf.get(mailbox);
      const message = state && findIn(state.box, id);
      if (!message) return undefined;
      if (folder === message.folder) return false;
      emptyFolder(message, state.modseq + 1);
      fillFolder.run(state.box, folder, 1, message.size, unread(message.flags), state.modseq + 1);
      touch.run(state.box, message.uid, state.modseq + 1, message.flags, folder);
      setModseq.run(state.box, state.modseq + 1);
      return true;
    },

    /** Keeps a message's octets readable until `unpin`, whatever becomes of the message. Undefined when it is not there. */
    pin(mailbox: string, id: string): BodyKey | undefined {
      const state = boxOf.get(mailbox);
      const message = state && findIn(state.box, id);
      if (!message) return undefined;
      const key = { box: message.box, body: message.body };
      bodies.pinBody(key);
      return key;
    },
  };

  /** The number of the body that a new message in `box` is to have. */
  function bodyOf(box: number, body: Uint8Array | BodyKey): number {
    if (body instanceof Uint8Array) return bodies.writeBody(body);
    if (body.box !== box) throw new StoreError('no-body', 'the body belongs to another mailbox');
    return bodies.takeBody(body);
  }
}

export type MessageWrites = ReturnType<typeof messageWrites>;
