// Pages of a mailbox's index: one folder or all, from either end, with a flag or without it. All statements are prepared at once,
// so that the test of their plans sees them.

import { READ } from '../messages.ts';
import { type Database, prepareTuples, type Statement } from './database.ts';
import { INBOX, UNREAD } from './schema.ts';

/** A page that is asked for, on its way between threads. */
export interface PageOf {
  /** Null: all folders. */
  readonly folder: string | null;
  readonly newest: boolean;
  /** Beyond this uid. */
  readonly from: number;
  readonly skip: number;
  /** Null: whatever the flags. */
  readonly flag: string | null;
  readonly set: boolean;
  readonly limit: number;
}

export const BOX = '(SELECT box FROM mailboxes WHERE id = ?1)';

// Untouched messages lie in the order of their arrival, the others beside them: to list both is to merge two orders, of which
// SQLite reads no more rows than are asked for.
export const UNTOUCHED = `FROM messages WHERE box = ${BOX} AND touched = 0`;
export const touchedBy = (index: string): string =>
  `FROM messages INDEXED BY ${index} WHERE box = ${BOX} AND touched = 1`;
const TOUCHED = `FROM messages WHERE box = ${BOX} AND touched = 1`;

const PLACES = ['all', 'inbox', 'folder'] as const;
const FLAGS = ['any', 'unread', 'with', 'without'] as const;
type Place = (typeof PLACES)[number];
type Flags = (typeof FLAGS)[number];

/** ?6 is the flag. */
const HAS = 'instr(char(10) || flags || char(10), char(10) || ?6 || char(10))';
const CONDITION: Readonly<Record<Flags, string>> = {
  any: '',
  unread: ` AND ${UNREAD}`,
  with: ` AND ${HAS} > 0`,
  without: ` AND ${HAS} = 0`,
};

/** ?1 mailbox, ?2 uid, ?3 limit, ?4 skip, ?5 folder, ?6 flag: those that a statement is without, it is not given. */
function pageSql(columns: string, place: Place, newest: boolean, flags: Flags): string {
  const rest = `AND uid ${newest ? '<' : '>'} ?2${CONDITION[flags]}`;
  const order = `ORDER BY uid ${newest ? 'DESC' : 'ASC'} LIMIT ?3 OFFSET ?4`;
  const index = touchedBy(flags === 'unread' ? 'messages_unread' : 'messages_folder');
  const untouched = `SELECT ${columns} ${UNTOUCHED} ${rest}`;
  switch (place) {
    case 'all':
      return `${untouched} UNION ALL SELECT ${columns} ${TOUCHED} ${rest} ${order}`;
    case 'inbox':
      return `${untouched} UNION ALL SELECT ${columns} ${index} AND folder = '${INBOX}' ${rest} ${order}`;
    case 'folder':
      return `SELECT ${columns} ${index} AND folder = ?5 ${rest} ${order}`;
  }
}

/** What reads a page's rows of `columns`. */
export function pageReader<Row extends readonly unknown[]>(
  db: Database,
  columns: string,
): (mailbox: string, page: PageOf) => Row[] {
  const statements = new Map<string, Statement<Row>>();
  for (const place of PLACES)
    for (const newest of [false, true])
      for (const flags of FLAGS)
        statements.set(`${place} ${newest} ${flags}`, prepareTuples(db, pageSql(columns, place, newest, flags)));

  return (mailbox, { folder, newest, from, skip, flag, set, limit }) => {
    const place = folder === null ? 'all' : folder === INBOX ? 'inbox' : 'folder';
    const flags = flag === null ? 'any' : flag === READ && !set ? 'unread' : set ? 'with' : 'without';
    const named = flags === 'with' || flags === 'without';
    const last = named ? [folder, flag] : place === 'folder' ? [folder] : [];
    return statements.get(`${place} ${newest} ${flags}`)?.all(mailbox, from, limit, skip, ...last) ?? [];
  };
}
