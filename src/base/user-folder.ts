// A user's own folder on the disk: small documents, key files, and one process at a time where two would collide.
// Folders are 0700, files 0600; a file is the old one or the new one, never half of each.

import { mkdir, readdir, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { z } from 'zod';
import { codeOf, PosternError } from './errors.ts';
import { readIfThere, replaceFile } from './files.ts';
import { tryLock } from './process-lock.ts';

export type FolderFailure =
  /** A file is damaged or was written by something else. */
  | 'home'
  /** Another process is at it. */
  | 'busy';

class FolderError extends PosternError<FolderFailure> {}

export async function makeFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
}

/** A document of the given shape, or undefined when there is none. Throws FolderError `home` when it is of another shape. */
export async function readDocument<Shape extends z.ZodType>(
  path: string,
  shape: Shape,
): Promise<z.infer<Shape> | undefined> {
  const octets = await readIfThere(path);
  if (octets === undefined) return undefined;
  try {
    return shape.parse(JSON.parse(octets.toString('utf8')));
  } catch (cause) {
    throw new FolderError('home', `the file ${path} is damaged`, {
      cause,
      remedy: 'restore it from a backup, or move it away and set this up again',
    });
  }
}

/** Durable when it resolves. */
export async function writeDocument(path: string, value: unknown): Promise<void> {
  await replaceFile(path, `${JSON.stringify(value, undefined, 2)}\n`);
}

/** Names in a folder in order; none when the folder is not there. Hidden ones are not the user's. */
export async function namesIn(path: string): Promise<string[]> {
  try {
    return (await readdir(path)).filter((name) => !name.startsWith('.')).sort();
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
}

/** Runs `work` while no other process does the same on `path`. Throws FolderError `busy` at once when one does. */
export async function withLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  using lock = tryLock(lockOf(path));
  if (lock === undefined) {
    throw new FolderError('busy', 'another postern is at work on this', { remedy: 'wait until it is done' });
  }
  return await work();
}

/** Takes away what `withLock` left on the disk. For whoever has the lock, and has just removed what it guards. */
export async function forgetLock(path: string): Promise<void> {
  await rm(`${lockOf(path)}.lock`, { force: true });
}

function lockOf(path: string): string {
  return join(dirname(path), `.${basename(path)}`);
}
