// Names of nyms, given out once: who has one, who asked for one, and which were closed for ever.   spec: mixminion-nym 2.1, 7

import { pick, type Random } from '../../base/random.ts';
import { startOfDay } from '../../base/time.ts';
import type { RsaPublicKey } from '../../crypto/rsa.ts';
import type { Desk } from './desk.ts';
import type { NymRecord } from './record.ts';

/** By fingerprint of the identity key that asked for it. */
const KEYS = 'nym-keys';
const CLOSED = 'nym-closed';
const COUNTS = 'nym-counts';
const INVENTED = 10;
const LETTERS = [...'abcdefghijklmnopqrstuvwxyz'];

/** The nym that this key has or asked for before. */
export async function nymOfKey({ post, vault }: Desk, key: RsaPublicKey): Promise<string | undefined> {
  const found = await post.store.documents.get(KEYS, key.fingerprint);
  const nym = found?.value.toString();
  return nym !== undefined && (await vault.record(nym)) !== undefined ? nym : undefined;
}

/** The first candidate that is free, now reserved; undefined when none is. */
export async function reserve(
  desk: Desk,
  candidates: readonly string[],
  record: NymRecord,
): Promise<string | undefined> {
  const { post, vault, limits } = desk;
  const [identity] = record.identities;
  if (identity === undefined) return undefined;
  for (const candidate of candidates) {
    const nym = candidate === '' ? invent(post.random) : candidate;
    if ((await post.store.documents.get(CLOSED, nym)) !== undefined) continue;
    if (!(await vault.create(nym, record, limits.quota))) continue;
    await post.store.mailboxes.change(vault.idOf(nym), { expires: record.made + limits.reservation });
    await post.store.documents.put(KEYS, identity.fingerprint, Buffer.from(nym));
    return nym;
  }
  return undefined;
}

/** The nym is its holder's from now on. */
export async function keepForEver({ post, vault }: Desk, nym: string): Promise<void> {
  await post.store.mailboxes.change(vault.idOf(nym), { expires: null });
}

/** Nothing of it is left, and its name is never given out again. */
export async function close({ post, vault }: Desk, nym: string, record: NymRecord): Promise<void> {
  await post.store.documents.put(CLOSED, nym, Buffer.alloc(0));
  await vault.remove(nym);
  for (const key of record.identities) await post.store.documents.remove(KEYS, key.fingerprint);
}

/** Counts `by` more for today; false, and not counted, when that would be more than `most`. 0 only asks. Days are UTC. */
export async function within({ post }: Desk, what: string, most: number, by = 1): Promise<boolean> {
  const { documents } = post.store;
  const today = startOfDay(post.clock.now());
  for (;;) {
    const found = await documents.get(COUNTS, what);
    const last = found
      ? (JSON.parse(found.value.toString()) as { day: number; count: number })
      : { day: today, count: 0 };
    const count = (last.day === today ? last.count : 0) + by;
    if (by === 0 ? count >= most : count > most) return false;
    if (by === 0) return true;
    const value = Buffer.from(JSON.stringify({ day: today, count }));
    if ((await documents.put(COUNTS, what, value, found?.version ?? 0)) !== undefined) return true;
  }
}

function invent(random: Random): string {
  return Array.from({ length: INVENTED }, () => pick(random, LETTERS)).join('');
}
