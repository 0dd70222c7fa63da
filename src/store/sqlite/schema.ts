// The tables, and how an older file becomes a newer one: forward only, step by step, in one transaction each.

import { StoreError } from '../errors.ts';
import { READ } from '../messages.ts';
import type { Database } from './database.ts';

/** The folder of a message that names none. */
export const INBOX = 'inbox';

/** A body has at most 2^20 chunks, which is 64 GiB. */
export const SEQ_BITS = 20;
/** The keys of all chunks of the body with the number ?1. */
export const CHUNKS_OF_BODY = `key BETWEEN ?1 << ${SEQ_BITS} AND (?1 << ${SEQ_BITS}) | ${2 ** SEQ_BITS - 1}`;

// Everything of a mailbox is keyed by `box`, a number that stands for it and is never used again: a removed mailbox is gone
// at once, its rows are cleared away later in small steps (`doomed`), and one made anew under the same name meets none of them.
// One counter a mailbox, `modseq`, numbers its changes and its messages (`uid`). An append is to touch few pages, so a message
// that lies in the inbox as it arrived stands in no index at all: the key alone orders it by place and by change.
const FIRST = `
  CREATE TABLE mailboxes (
    box INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    quota_bytes INTEGER NOT NULL,
    quota_messages INTEGER NOT NULL,
    used_bytes INTEGER NOT NULL DEFAULT 0,
    used_messages INTEGER NOT NULL DEFAULT 0,
    modseq INTEGER NOT NULL DEFAULT 0,
    forgotten INTEGER NOT NULL DEFAULT 0,
    expires INTEGER,
    -- Nothing in the mailbox expires before this.
    first_expiry INTEGER
  ) STRICT;
  CREATE INDEX mailboxes_expires ON mailboxes (expires) WHERE expires IS NOT NULL;
  CREATE INDEX mailboxes_first_expiry ON mailboxes (first_expiry) WHERE first_expiry IS NOT NULL;

  CREATE TABLE folders (
    box INTEGER NOT NULL,
    name TEXT NOT NULL,
    made INTEGER NOT NULL,
    messages INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (box, name)
  ) STRICT, WITHOUT ROWID;

  -- Touched: put elsewhere than into the inbox, or flagged or moved since.
  CREATE TABLE messages (
    box INTEGER NOT NULL,
    touched INTEGER NOT NULL,
    uid INTEGER NOT NULL,
    run INTEGER NOT NULL,
    folder TEXT NOT NULL,
    size INTEGER NOT NULL,
    sha256 BLOB NOT NULL,
    flags TEXT NOT NULL,
    modseq INTEGER NOT NULL,
    arrived INTEGER NOT NULL,
    expires INTEGER,
    body INTEGER NOT NULL,
    entry BLOB,
    PRIMARY KEY (box, touched, uid),
    CHECK (touched = 1 OR (touched = 0 AND folder = '${INBOX}' AND modseq = uid))
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX messages_folder ON messages (box, folder, uid) WHERE touched = 1;
  CREATE INDEX messages_modseq ON messages (box, modseq) WHERE touched = 1;

  -- The key: the number of the body, times 2^${SEQ_BITS}, plus the place of the chunk.
  CREATE TABLE chunks (
    key INTEGER PRIMARY KEY,
    octets BLOB NOT NULL
  ) STRICT;

  -- Bodies without a message: still arriving, or removed and waiting to be cleared.
  CREATE TABLE loose (
    body INTEGER PRIMARY KEY,
    box INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE doomed (box INTEGER PRIMARY KEY) STRICT;

  CREATE TABLE once (
    box INTEGER NOT NULL,
    key BLOB NOT NULL,
    until INTEGER NOT NULL,
    PRIMARY KEY (box, key)
  ) STRICT, WITHOUT ROWID;

  -- Removed messages. The time is that of the first sweep which saw them.
  CREATE TABLE gone (
    box INTEGER NOT NULL,
    modseq INTEGER NOT NULL,
    uid INTEGER NOT NULL,
    run INTEGER NOT NULL,
    since INTEGER,
    PRIMARY KEY (box, modseq)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX gone_since ON gone (since);

  CREATE TABLE jobs (
    queue TEXT NOT NULL,
    id TEXT NOT NULL,
    due INTEGER NOT NULL,
    accepted INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    body BLOB NOT NULL,
    PRIMARY KEY (queue, id)
  ) STRICT;
  CREATE INDEX jobs_due ON jobs (queue, due, id);

  CREATE TABLE seen (
    name TEXT NOT NULL,
    key BLOB NOT NULL,
    until INTEGER NOT NULL,
    PRIMARY KEY (name, key)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX seen_until ON seen (until);

  CREATE TABLE documents (
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (owner, name)
  ) STRICT;

  -- One row: the key of the messages' ids.
  CREATE TABLE ids (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    key BLOB NOT NULL
  ) STRICT;
`;

/** True of a message whose flags, each on a line, are without READ. */
export const UNREAD = `instr(char(10) || flags || char(10), char(10) || '${READ}' || char(10)) = 0`;

// Folders count what is unread and know their last change; messages may have a name, and what is left of a removed one has it too. Of untouched messages none is in an index
// of the unread, as before: they have no flags, so that all of them are.
const SECOND = `
  ALTER TABLE folders ADD COLUMN unread INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE folders ADD COLUMN modseq INTEGER NOT NULL DEFAULT 0;
  UPDATE folders SET modseq = mailboxes.modseq FROM mailboxes WHERE mailboxes.box = folders.box;
  UPDATE folders SET unread = counted.unread FROM
    (SELECT box, folder, count(*) AS unread FROM messages WHERE ${UNREAD} GROUP BY box, folder) AS counted
    WHERE counted.box = folders.box AND counted.folder = folders.name;
  CREATE INDEX messages_unread ON messages (box, folder, uid) WHERE touched = 1 AND ${UNREAD};
  ALTER TABLE messages ADD COLUMN name BLOB;
  CREATE INDEX messages_name ON messages (box, name, uid) WHERE name IS NOT NULL;
  ALTER TABLE gone ADD COLUMN folder TEXT NOT NULL DEFAULT '';
  ALTER TABLE gone ADD COLUMN name BLOB;
`;

// Jobs know whether a lease hides them or their own time.
const THIRD = `
  ALTER TABLE jobs ADD COLUMN leased INTEGER NOT NULL DEFAULT 0;
  CREATE INDEX jobs_leased ON jobs (queue) WHERE leased = 1;
`;

/** Step n brings a file of version n to version n + 1. Steps are added at the end and never changed. */
const STEPS: readonly string[] = [FIRST, SECOND, THIRD];

/** Brings the file up to this version of the schema. Throws StoreError `newer` when the file is ahead of it. */
export function migrate(db: Database): void {
  const version = versionOf(db);
  if (version > STEPS.length) {
    throw new StoreError('newer', 'the store was written by a later version of Postern', {
      remedy: 'install that version again, or restore a backup made with this one',
    });
  }
  for (const [from, step] of STEPS.entries()) {
    if (from >= version) db.exec(`BEGIN IMMEDIATE; ${step}; PRAGMA user_version = ${from + 1}; COMMIT`);
  }
}

function versionOf(db: Database): number {
  const row = db.prepare('PRAGMA user_version').get();
  return Number(row?.['user_version'] ?? 0);
}
