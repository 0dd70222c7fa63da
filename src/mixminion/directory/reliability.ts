// How reliable the pinger of this office finds other remailers, as it leaves it in the store for a directory server here to
// read. The formats of directories have no place for figures: they count where a directory says which servers it recommends.
// spec: mixminion-server 5; mixminion-directory 4, 5

import { DAY } from '../../base/time.ts';
import type { Store } from '../../store/store.ts';

const OWNER = 'mix';
const NAME = 'reliability';
/** Older results say nothing about today. */
const GOOD_FOR = DAY;

/** From 0 to 1, by the fingerprint of the identity key in upper-case hex digits. */
export type Reliabilities = ReadonlyMap<string, number>;

/** Leaves the results of a round of pings, as of `now`. */
export async function putReliabilities(
  store: Pick<Store, 'documents'>,
  found: Reliabilities,
  now: number,
): Promise<void> {
  await store.documents.put(OWNER, NAME, Buffer.from(JSON.stringify({ at: now, found: [...found] })));
}

/** The last results; none when they are older than a day, or nobody here pings. */
export async function getReliabilities(store: Pick<Store, 'documents'>, now: number): Promise<Reliabilities> {
  const document = await store.documents.get(OWNER, NAME);
  if (document === undefined) return new Map();
  const { at, found } = JSON.parse(document.value.toString()) as { at: number; found: [string, number][] };
  return now - at > GOOD_FOR ? new Map() : new Map(found);
}
