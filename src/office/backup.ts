// A copy of a whole office into a new folder, made while the office works. To restore it, use that folder as the data folder.

import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { codeOf, messageOf, PosternError } from '../base/errors.ts';
import { readIfThere, replaceFile, syncFolder } from '../base/files.ts';
import { keep } from '../store/sqlite/keep.ts';
import { checkDataFolder, type DataFolder, dataFolderAt, makeDataFolder, WORK } from './data-folder.ts';
import { OfficeError } from './errors.ts';

export interface BackupReport {
  readonly folder: string;
  /** Relative to it. */
  readonly files: readonly string[];
  /** Octets of all of them. */
  readonly bytes: number;
}

/**
 * Copies database, keys, configuration and the counters' own files into the folder `to`, which must not be there yet and appears only when all of it
 * is on the disk. Files that the configuration names elsewhere (a certificate, a log) are not copied.
 * Rejects with OfficeError `folder` or `backup`, or a StoreError.
 */
export async function backUp(
  folder: DataFolder,
  to: string,
  progress?: (done: number, total: number) => void,
): Promise<BackupReport> {
  await checkDataFolder(folder);
  const target = resolve(to);
  const inside = relative(folder.path, target);
  if (inside === '' || !(inside.startsWith('..') || isAbsolute(inside))) {
    throw new OfficeError('backup', 'a backup inside the data folder would be lost together with it', {
      remedy: 'name a folder elsewhere, best on another disk',
    });
  }
  await refuseExisting(target);
  const draft = await mkdtemp(join(dirname(target), `.${basename(target)}-`)).catch(cannotWrite(target));
  try {
    const copy = dataFolderAt(draft);
    await makeDataFolder(copy);
    await keep({ work: 'copy', file: folder.database, path: copy.database }, new AbortController().signal, progress);
    await copyFiles(folder.path, draft);
    await replaceFile(copy.config, await readFile(folder.config));
    await refuseExisting(target); // rename would take the place of an empty folder made meanwhile
    await rename(draft, target);
    await syncFolder(dirname(target));
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    throw error instanceof PosternError ? error : cannotWrite(target)(error);
  }
  return describe(target);
}

/** The folders in the data folder, of the keys and of counters, with all they hold but what is for work alone. */
async function copyFiles(from: string, to: string): Promise<void> {
  const entries = await readdir(from, { withFileTypes: true });
  for (const entry of entries.filter((found) => found.isDirectory()))
    await copyFolder(join(from, entry.name), join(to, entry.name));
}

async function copyFolder(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true, mode: 0o700 });
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory() && entry.name !== WORK) await copyFolder(source, target);
    if (entry.isFile()) await copyOne(source, target);
  }
}

/** A file may be replaced, or go, while an office that runs is copied. */
async function copyOne(source: string, target: string): Promise<void> {
  const octets = await readIfThere(source);
  if (octets !== undefined) await replaceFile(target, octets);
}

async function describe(folder: string): Promise<BackupReport> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = found.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const sizes = await Promise.all(paths.map(async (path) => (await stat(path)).size));
  return {
    folder,
    files: paths.map((path) => relative(folder, path)).sort(),
    bytes: sizes.reduce((sum, size) => sum + size, 0),
  };
}

async function refuseExisting(target: string): Promise<void> {
  const there = await stat(target).catch((error) =>
    codeOf(error) === 'ENOENT' ? undefined : cannotWrite(target)(error),
  );
  if (there === undefined) return;
  throw new OfficeError('backup', `${target} is there already`, {
    remedy: 'name a folder that does not exist yet, one for each backup',
  });
}

function cannotWrite(target: string): (cause: unknown) => never {
  return (cause) => {
    throw new OfficeError('backup', `the backup ${target} cannot be written: ${messageOf(cause)}`, {
      cause,
      remedy: 'is there room, and may this user write there?',
    });
  };
}
