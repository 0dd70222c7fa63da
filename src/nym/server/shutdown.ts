// Closing a nym by its phrase. Nothing is ever answered by mail, right or wrong.   spec: mixminion-nym 7

import { type ScryptOptions, scrypt } from 'node:crypto';
import { promisify } from 'node:util';
import { equalBytes } from '../../base/bytes.ts';
import { readMime } from '../../mail/read-mime.ts';
import { phraseDigest, readShutdowns } from '../shutdown-phrase.ts';
import type { Desk } from './desk.ts';
import type { ShutdownHash } from './record.ts';
import { close, within } from './registry.ts';
import { sendFarewell } from './sending.ts';

const SALT = 16;
const HASH = 32;
const COST: ScryptOptions = { N: 16384, r: 8, p: 1 };
/** Wrong tries for one nym a day; afterwards even the right phrase is not looked at until the next. */
const TRIES = 5;
/** Requests looked at in one mail: each costs a slow hash. */
const MOST = 3;

const slowHash = promisify<Uint8Array, Uint8Array, number, ScryptOptions, Buffer>(scrypt);

/** What is kept of the 20 octets that the nymholder gave. */
export async function keepPhrase({ post }: Desk, digest: Buffer): Promise<ShutdownHash> {
  const salt = post.random.bytes(SALT);
  return { salt, hash: await slowHash(digest, salt, HASH, COST) };
}

/** Does what a mail to the shutdown address asks for, if it may. */
export async function takeShutdownMail(desk: Desk, message: Uint8Array): Promise<void> {
  const { subject, text } = await readMime(message);
  for (const { nym, phrase } of readShutdowns(subject, text).slice(0, MOST)) {
    const done = await desk.turns.take(nym, () => tryShutdown(desk, nym, phrase));
    desk.count(done ? 'shutdown' : 'shutdown-refused');
  }
}

async function tryShutdown(desk: Desk, nym: string, phrase: string): Promise<boolean> {
  const record = await desk.vault.record(nym);
  if (record?.shutdown === undefined) return false;
  if (!(await within(desk, `shutdown/${nym}`, TRIES, 0))) return false;
  const { salt, hash } = record.shutdown;
  if (!equalBytes(await slowHash(phraseDigest(phrase), salt, HASH, COST), hash)) {
    await within(desk, `shutdown/${nym}`, TRIES);
    return false;
  }
  await closeNym(desk, nym, 'this nym was closed by its shutdown phrase');
  return true;
}

/** For ever, with a last word to its holder when a reply block is left. Call it in the nym's turn. */
export async function closeNym(desk: Desk, nym: string, why: string): Promise<boolean> {
  const record = await desk.vault.record(nym);
  if (record === undefined) return false;
  await sendFarewell(desk, nym, why);
  await close(desk, nym, record);
  return true;
}
