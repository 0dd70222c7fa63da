// Reading the index of a mailbox: pages, single entries and changes, which touch no body; and the chunks of one body.

import { CHUNK } from '../limits.ts';
import { type Database, prepare, prepareTuples, snapshot } from './database.ts';
import type { BodyKey } from './held.ts';

/** An index entry on its way between threads: binary columns as hex, which travels cheaper than many small buffers. */
export type MessageRow = [
  uid: number,
  id: string,
  folder: string,
  size: number,
  sha256: string,
  flags: string,
  modseq: number,
  arrived: number,
  expires: number | null,
  entry: Uint8Array | null,
];

export interface ChangeRows {
  readonly modseq: number;
  readonly messages: readonly MessageRow[];
  readonly gone: readonly string[];
  readonly more: boolean;
  readonly forgotten: boolean;
}

const COLUMNS = `uid, lower(hex(id)), folder, size, lower(hex(sha256)), flags, modseq, arrived, expires, entry`;
const BOX = '(SELECT box FROM mailboxes WHERE id = ?1)';
const SIZE = 3;
const MODSEQ = 6;
const NOTHING = new Uint8Array(0);

export function messageReads(db: Database) {
  const find = prepareTuples<MessageRow>(db, `SELECT ${COLUMNS} FROM messages WHERE box = ${BOX} AND id = unhex(?2)`);
  const keyOf = prepare<BodyKey>(db, `SELECT box, body FROM messages WHERE box = ${BOX} AND id = unhex(?2)`);
  const chunk = prepare<{ octets: Uint8Array }>(db, 'SELECT octets FROM chunks WHERE box = ? AND body = ? AND seq = ?');
  const page = prepareTuples<MessageRow>(
    db,
    `SELECT ${COLUMNS} FROM messages WHERE box = ${BOX} AND uid > ?2 ORDER BY uid LIMIT ?3`,
  );
  const pageOfFolder = prepareTuples<MessageRow>(
    db,
    `SELECT ${COLUMNS} FROM messages WHERE box = ${BOX} AND folder = ?4 AND uid > ?2 ORDER BY uid LIMIT ?3`,
  );
  const state = prepare<{ modseq: number; forgotten: number }>(
    db,
    'SELECT modseq, forgotten FROM mailboxes WHERE id = ?',
  );
  const changed = prepareTuples<MessageRow>(
    db,
    `SELECT ${COLUMNS} FROM messages WHERE box = ${BOX} AND modseq > ?2 ORDER BY modseq LIMIT ?3`,
  );
  const gone = prepare<{ modseq: number; id: string }>(
    db,
    `SELECT modseq, lower(hex(id)) AS id FROM gone WHERE box = ${BOX} AND modseq > ?2 ORDER BY modseq LIMIT ?3`,
  );

  return {
    findMessage: (mailbox: string, id: string): MessageRow | undefined => find.get(mailbox, id),

    /** The entry, and with it the whole body when that is one chunk at most. */
    openMessage: (mailbox: string, id: string): { row: MessageRow; octets: Uint8Array | undefined } | undefined =>
      snapshot(db, () => {
        const row = find.get(mailbox, id);
        if (row === undefined) return undefined;
        const [size, key] = [row[SIZE], keyOf.get(mailbox, id)];
        if (size === 0 || size > CHUNK || key === undefined) return { row, octets: size === 0 ? NOTHING : undefined };
        return { row, octets: chunk.get(key.box, key.body, 0)?.octets };
      }),

    readChunk: ({ box, body }: BodyKey, seq: number): Uint8Array | undefined => chunk.get(box, body, seq)?.octets,

    pageMessages: (mailbox: string, folder: string | null, after: number, limit: number): MessageRow[] =>
      folder === null ? page.all(mailbox, after, limit) : pageOfFolder.all(mailbox, after, limit, folder),

    changesSince: (mailbox: string, since: number, limit: number): ChangeRows =>
      snapshot(db, () => {
        const now = state.get(mailbox);
        if (now === undefined) return { modseq: 0, messages: [], gone: [], more: false, forgotten: false };
        const messages = changed.all(mailbox, since, limit + 1);
        const removals = gone.all(mailbox, since, limit + 1);
        const order = [...messages.map((row) => row[MODSEQ]), ...removals.map(({ modseq }) => modseq)].sort(
          (a, b) => a - b,
        );
        const more = order.length > limit;
        const modseq = more ? (order[limit - 1] ?? since) : now.modseq;
        return {
          modseq,
          messages: messages.filter((row) => row[MODSEQ] <= modseq),
          gone: removals.filter((row) => row.modseq <= modseq).map(({ id }) => id),
          more,
          forgotten: since > 0 && since < now.forgotten,
        };
      }),
  };
}
