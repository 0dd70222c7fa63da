// Ids of messages without an index: a message's place under a block cipher whose key never leaves the store. To find a message
// by its id is to decipher the place. README.md says why such an id is as good as a random one.

import { createCipheriv, createDecipheriv } from 'node:crypto';
import { type Database, prepare } from './database.ts';

/** Where a message stands. */
interface Place {
  readonly box: number;
  /** The run of the engine that took the message in, by the random number drawn at its start. */
  readonly run: number;
  readonly uid: number;
}

export interface Ids {
  /** 32 lower-case hex digits. */
  seal(place: Place): string;
  /** Undefined when that is no id. Of an invented one, a place where no message stands. */
  open(id: string): Place | undefined;
}

const CIPHER = 'aes-128-ecb';
export const ID_KEY_OCTETS = 16;
/** Runs are numbered at random below this. */
export const RUNS = 2 ** 31 - 1;

// One block: box, run, uid.
const ID_OCTETS = 16;
const BOX_OCTETS = 6;
const RUN_AT = BOX_OCTETS;
const UID_AT = 10;
const UID_OCTETS = 6;

/** The ids of the store in `db`, which must have its key. */
export function idsOf(db: Database): Ids {
  const row = prepare<{ key: Uint8Array }>(db, 'SELECT key FROM ids').get();
  if (row === undefined) throw new Error('the store has no key for its ids');
  // A cipher is dear to make and a block cheap: each connection keeps one for either way.
  const cipher = createCipheriv(CIPHER, row.key, null).setAutoPadding(false);
  const decipher = createDecipheriv(CIPHER, row.key, null).setAutoPadding(false);
  const block = Buffer.alloc(ID_OCTETS);
  return {
    seal({ box, run, uid }) {
      block.writeUIntBE(box, 0, BOX_OCTETS);
      block.writeUInt32BE(run, RUN_AT);
      block.writeUIntBE(uid, UID_AT, UID_OCTETS);
      return cipher.update(block).toString('hex');
    },
    open(id) {
      const octets = Buffer.from(id, 'hex');
      if (octets.length !== ID_OCTETS || id.length !== 2 * ID_OCTETS) return undefined;
      const place = decipher.update(octets);
      return {
        box: place.readUIntBE(0, BOX_OCTETS),
        run: place.readUInt32BE(RUN_AT),
        uid: place.readUIntBE(UID_AT, UID_OCTETS),
      };
    },
  };
}

/** Gives a new store its key; an old one keeps its own. */
export function keepIdKey(db: Database, key: Uint8Array): void {
  prepare(db, 'INSERT INTO ids (one, key) VALUES (1, ?) ON CONFLICT DO NOTHING').run(key);
}
