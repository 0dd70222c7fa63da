// Messages that are here: files as they came, still sealed, numbered in the order in which they were fetched.

import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { toHex } from '../../base/bytes.ts';
import { replaceFile } from '../../base/files.ts';
import { namesIn, withLock } from '../../base/user-folder.ts';
import type { KeyPair } from '../crypto/keys.ts';
import { proved } from './accounts.ts';
import type { Address } from './address.ts';
import type { Courier } from './courier.ts';
import { ClientError } from './errors.ts';
import { type Account, type Home, lettersOf } from './home.ts';
import { deleteMessage, fetchMessage, listMessages } from './words.ts';

const NAME = /^(\d{6,9})-([0-9a-f]{64})\.cmtp$/;

export interface SavedLetter {
  readonly number: number;
  /** As the server names it. */
  readonly id: Buffer;
  readonly path: string;
}

/** In the order of their numbers. */
export async function savedLetters(home: Home, address: Address): Promise<SavedLetter[]> {
  const folder = lettersOf(home, address);
  return (await namesIn(folder)).flatMap((name) => {
    const [, number, id] = NAME.exec(name) ?? [];
    if (number === undefined || id === undefined) return [];
    return { number: Number(number), id: Buffer.from(id, 'hex'), path: join(folder, name) };
  });
}

/** Throws ClientError `unknown`. */
export async function savedLetter(home: Home, address: Address, number: number): Promise<SavedLetter> {
  const letter = (await savedLetters(home, address)).find((one) => one.number === number);
  if (letter !== undefined) return letter;
  throw new ClientError('unknown', `there is no message ${number} here`, {
    remedy: 'see what there is: postern cmtp list',
  });
}

export function readLetter({ path }: SavedLetter): Promise<Buffer> {
  return readFile(path);
}

/** Brings in what is new. Each message is safe here before the next is asked for; nothing is deleted there. */
export async function fetchLetters(courier: Courier, account: Account, own: KeyPair): Promise<SavedLetter[]> {
  const folder = lettersOf(courier.home, account);
  return withLock(folder, () =>
    proved(courier, account, own, async (session) => {
      const here = await savedLetters(courier.home, account);
      const known = new Set(here.map(({ id }) => toHex(id)));
      let number = here.at(-1)?.number ?? 0;
      const fetched: SavedLetter[] = [];
      for (const listed of await listMessages(session)) {
        const id = toHex(listed.id);
        if (known.has(id)) continue;
        const message = await fetchMessage(session, listed, courier.progress);
        if (message === undefined) continue; // deleted from elsewhere meanwhile
        number += 1;
        const path = join(folder, `${String(number).padStart(6, '0')}-${id}.cmtp`);
        await replaceFile(path, message);
        fetched.push({ number, id: listed.id, path });
      }
      return fetched;
    }),
  );
}

/** Deletes a message there, then here. One that is gone there already is no error. */
export async function deleteLetter(
  courier: Courier,
  account: Account,
  own: KeyPair,
  { id, path }: SavedLetter,
): Promise<void> {
  await proved(courier, account, own, (session) => deleteMessage(session, id));
  await rm(path, { force: true });
}
