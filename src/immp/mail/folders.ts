// Folders of a mailbox by the names that people give them: without difference of case.   spec: immp 2.8, 2.9

import type { Folder } from '../../store/store.ts';
import { FIXED_FOLDERS } from '../accounts.ts';

/** Names from the top down as one text that is the same for each way of writing them. */
export function foldPath(folders: readonly string[]): string {
  return folders.join('/').normalize('NFC').toLowerCase();
}

export function isFixed(path: string): boolean {
  return FIXED_FOLDERS.some((fixed) => fixed === path);
}

export function findFolder(all: readonly Folder[], folders: readonly string[]): Folder | undefined {
  const wanted = foldPath(folders);
  return all.find(({ name }) => foldPath([name]) === wanted);
}

/** The folder and all below it, in order; all of the mailbox when no name is given. */
export function foldersBelow(all: readonly Folder[], folders: readonly string[]): Folder[] {
  const top = foldPath(folders);
  return all.filter(({ name }) => top === '' || foldPath([name]) === top || foldPath([name]).startsWith(`${top}/`));
}

/** Where mail for `user+tag` goes: below the inbox first, then at the top, and into the inbox when there is no such folder. */
export function redirect(all: readonly Folder[], tag: string | undefined): string {
  if (tag === undefined || isFixed(foldPath([tag]))) return 'inbox';
  const path = tag.split('.');
  return (findFolder(all, ['inbox', ...path]) ?? findFolder(all, path))?.name ?? 'inbox';
}
