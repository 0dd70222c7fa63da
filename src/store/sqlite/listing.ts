// Reading the index of a mailbox: pages, single entries and changes, which touch no body; and the chunks of one body.

import { CHUNK } from '../limits.ts';
import { type Database, prepare, prepareTuples, snapshot } from './database.ts';
import type { BodyKey } from './held.ts';
import type { Ids } from './ids.ts';
import { BOX, type PageOf, pageReader, touchedBy, UNTOUCHED } from './paging.ts';
import { SEQ_BITS } from './schema.ts';

/** What an entry is the same in, on the disk and on its way: binary columns as hex, which travels cheaper than many small buffers. */
type Entry = [
  folder: string,
  size: number,
  sha256: string,
  flags: string,
  modseq: number,
  arrived: number,
  expires: number | null,
  entry: Uint8Array | null,
];

/** An index entry on its way between threads. */
export type MessageRow = [uid: number, id: string, ...Entry];

/** A removed message on its way between threads. */
export type GoneRow = [id: string, folder: string, name: Uint8Array | null];

export interface ChangeRows {
  readonly modseq: number;
  readonly messages: readonly MessageRow[];
  readonly gone: readonly GoneRow[];
  readonly more: boolean;
  readonly forgotten: boolean;
}

/** A row as it is read; `unseal` makes a MessageRow of it. */
type StoredRow = [body: number, box: number, run: number, uid: number, ...Entry];

const COLUMNS = 'body, box, run, uid, folder, size, lower(hex(sha256)), flags, modseq, arrived, expires, entry';
const SIZE = 3;
const MODSEQ = 6;
/** Messages of one name that are listed. */
const MAX_NAMED = 1000;
const NOTHING = new Uint8Array(0);

export function messageReads(db: Database, ids: Ids) {
  const find = prepareTuples<StoredRow>(
    db,
    `SELECT ${COLUMNS} FROM messages WHERE box = ${BOX} AND box = ?2 AND touched IN (0, 1) AND uid = ?3 AND run = ?4`,
  );
  const chunk = prepare<{ octets: Uint8Array }>(db, `SELECT octets FROM chunks WHERE key = (?1 << ${SEQ_BITS}) | ?2`);
  const page = pageReader<StoredRow>(db, COLUMNS);
  const named = prepareTuples<StoredRow>(
    db,
    `SELECT ${COLUMNS} FROM messages WHERE box = ${BOX} AND name = ?2 AND name IS NOT NULL ORDER BY uid LIMIT ?3`,
  );
  const state = prepare<{ box: number; modseq: number; forgotten: number }>(
    db,
    'SELECT box, modseq, forgotten FROM mailboxes WHERE id = ?',
  );
  const changed = prepareTuples<StoredRow>(
    db,
    `SELECT ${COLUMNS}, uid AS place ${UNTOUCHED} AND uid > ?2 UNION ALL
     SELECT ${COLUMNS}, modseq AS place ${touchedBy('messages_modseq')} AND modseq > ?2 ORDER BY place LIMIT ?3`,
  );
  const gone = prepare<{ modseq: number; uid: number; run: number; folder: string; name: Uint8Array | null }>(
    db,
    'SELECT modseq, uid, run, folder, name FROM gone WHERE box = ? AND modseq > ? ORDER BY modseq LIMIT ?',
  );

  function unseal([, box, run, uid, ...entry]: StoredRow): MessageRow {
    return [uid, ids.seal({ box, run, uid }), ...entry];
  }

  function stored(mailbox: string, id: string): StoredRow | undefined {
    const place = ids.open(id);
    return place && find.get(mailbox, place.box, place.uid, place.run);
  }

  return {
    findMessage(mailbox: string, id: string): MessageRow | undefined {
      const row = stored(mailbox, id);
      return row && unseal(row);
    },

    /** The entry, and with it the whole body when that is one chunk at most. */
    openMessage: (mailbox: string, id: string): { row: MessageRow; octets: Uint8Array | undefined } | undefined =>
      snapshot(db, () => {
        const found = stored(mailbox, id);
        if (found === undefined) return undefined;
        const row = unseal(found);
        const size = row[SIZE];
        if (size === 0 || size > CHUNK) return { row, octets: size === 0 ? NOTHING : undefined };
        return { row, octets: chunk.get(found[0], 0)?.octets };
      }),

    readChunk: ({ body }: BodyKey, seq: number): Uint8Array | undefined => chunk.get(body, seq)?.octets,

    pageMessages: (mailbox: string, wanted: PageOf): MessageRow[] => page(mailbox, wanted).map(unseal),

    namedMessages: (mailbox: string, name: Uint8Array): MessageRow[] => named.all(mailbox, name, MAX_NAMED).map(unseal),

    changesSince: (mailbox: string, since: number, limit: number): ChangeRows =>
      snapshot(db, () => {
        const now = state.get(mailbox);
        if (now === undefined) return { modseq: 0, messages: [], gone: [], more: false, forgotten: false };
        const messages = changed.all(mailbox, since, limit + 1).map(unseal);
        const removals = gone.all(now.box, since, limit + 1);
        const order = [...messages.map((row) => row[MODSEQ]), ...removals.map(({ modseq }) => modseq)].sort(
          (a, b) => a - b,
        );
        const more = order.length > limit;
        const modseq = more ? (order[limit - 1] ?? since) : now.modseq;
        return {
          modseq,
          messages: messages.filter((row) => row[MODSEQ] <= modseq),
          gone: removals
            .filter((row) => row.modseq <= modseq)
            .map(({ uid, run, folder, name }): GoneRow => [ids.seal({ box: now.box, run, uid }), folder, name]),
          more,
          forgotten: since > 0 && since < now.forgotten,
        };
      }),
  };
}
