// What users call spam, counted for each domain that it came from: how many of them did so lately.   spec: immp 2.11

import { hash } from 'node:crypto';
import * as z from 'zod';
import { DAY } from '../../base/time.ts';
import type { Room } from '../room.ts';

const OWNER = 'immp-reports';
const REMEMBERED = 30 * DAY;
const MAX_REPORTERS = 1000;
const TRIES = 5;

/** Digests of accounts, each with the time of its last report. */
const schema = z.record(z.string(), z.number());

/** `account` says that something from `origin` was spam. Its own domain is never counted. */
export async function report(room: Room, account: string, origin: string): Promise<void> {
  const { store, clock } = room.post;
  if (room.settings.spam.threshold === 0 || origin === room.domain) return;
  const reporter = hash('sha256', account, 'hex').slice(0, 16);
  for (let tries = 0; tries < TRIES; tries += 1) {
    const found = await store.documents.get(OWNER, origin);
    const lately = Object.entries(found ? read(found.value) : {})
      .filter(([name, time]) => name !== reporter && clock.now() - time < REMEMBERED)
      .slice(1 - MAX_REPORTERS);
    const all = Buffer.from(JSON.stringify(Object.fromEntries([...lately, [reporter, clock.now()]])));
    if ((await store.documents.put(OWNER, origin, all, found?.version ?? 0)) !== undefined) return;
  }
}

/** Whether so many users reported the domain that its mail goes into JUNK. */
export async function isReported(room: Room, origin: string): Promise<boolean> {
  const { threshold } = room.settings.spam;
  if (threshold === 0) return false;
  const found = await room.post.store.documents.get(OWNER, origin);
  if (found === undefined) return false;
  const now = room.post.clock.now();
  return Object.values(read(found.value)).filter((time) => now - time < REMEMBERED).length >= threshold;
}

function read(octets: Buffer): Readonly<Record<string, number>> {
  return schema.parse(JSON.parse(octets.toString()));
}
