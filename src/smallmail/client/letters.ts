// Letters that were fetched, each a file as it came from the server, and parts of letters whose fetching was cut off.

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { moveFile, readIfThere } from '../../base/files.ts';
import { namesIn } from '../../base/user-folder.ts';
import { ClientError } from './errors.ts';
import { folderOf, type Home } from './home.ts';

const NAME = /^(\d{6,})-([A-Za-z0-9_-]{1,64})\.pgp$/;

export interface SavedLetter {
  /** The number that people call it by: the first is 1, and none is used again while later ones are here. */
  readonly number: number;
  /** The server's id. */
  readonly id: string;
  readonly path: string;
}

/** In the order they were fetched. */
export async function savedLetters(home: Home, label: string): Promise<SavedLetter[]> {
  const folder = lettersOf(home, label);
  return (await namesIn(folder))
    .flatMap((name) => {
      const [, digits, id] = NAME.exec(name) ?? [];
      return digits === undefined || id === undefined ? [] : [{ number: Number(digits), id, path: join(folder, name) }];
    })
    .sort((a, b) => a.number - b.number);
}

/** Throws ClientError `unknown`. */
export async function savedLetter(home: Home, label: string, number: number): Promise<SavedLetter & { body: Buffer }> {
  const letter = (await savedLetters(home, label)).find((candidate) => candidate.number === number);
  const body = letter && (await readIfThere(letter.path));
  if (letter !== undefined && body !== undefined) return { ...letter, body };
  throw new ClientError('unknown', `${label} has no letter number ${number}`, {
    remedy: `postern smallmail list ${label} shows those that are here`,
  });
}

/** Where the octets of a letter gather that is not complete yet. */
export function partialFile(home: Home, label: string, id: string): string {
  return join(folderOf(home, label), 'partial', `${id}.part`);
}

/** A letter is complete: gives it the next number. It is durable when this resolves. */
export async function keepLetter(home: Home, label: string, id: string): Promise<SavedLetter> {
  const last = (await savedLetters(home, label)).at(-1)?.number ?? 0;
  const number = last + 1;
  const path = join(lettersOf(home, label), `${String(number).padStart(6, '0')}-${id}.pgp`);
  await moveFile(partialFile(home, label, id), path);
  return { number, id, path };
}

export async function forgetLetter({ path }: SavedLetter): Promise<void> {
  await rm(path, { force: true });
}

function lettersOf(home: Home, label: string): string {
  return join(folderOf(home, label), 'letters');
}
