// A user's own folder on the disk: small documents, key files, and one process at a time where two would collide.
// Folders are 0700, files 0600; a file is the old one or the new one, never half of each.

import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import type { z } from 'zod';
import { codeOf, PosternError } from './errors.ts';
import { replaceFile } from './files.ts';

export type FolderFailure =
  /** A file is damaged or was written by something else. */
  | 'home'
  /** Another process is at it. */
  | 'busy';

class FolderError extends PosternError<FolderFailure> {}

export async function makeFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
}

/** The octets of a file, or undefined when there is none. */
export async function readOctets(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** A document of the given shape, or undefined when there is none. Throws FolderError `home` when it is of another shape. */
export async function readDocument<Shape extends z.ZodType>(
  path: string,
  shape: Shape,
): Promise<z.infer<Shape> | undefined> {
  const octets = await readOctets(path);
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

/** Names in a folder in order; none when the folder is not there. */
export async function namesIn(path: string): Promise<string[]> {
  try {
    return (await readdir(path)).sort();
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
}

/** Runs `work` while no other process does the same on `path`. Throws FolderError `busy` at once when one does. */
export async function withLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  const lock = `${path}.lock`;
  await acquire(lock);
  try {
    return await work();
  } finally {
    await rm(lock, { force: true });
  }
}

async function acquire(lock: string): Promise<void> {
  if (await create(lock)) return;
  const holder = Number((await readOctets(lock))?.toString() ?? 0);
  if (holder > 0 && isAlive(holder)) {
    throw new FolderError('busy', `another postern (process ${holder}) is at work on this`, {
      remedy: 'wait until it is done',
    });
  }
  // Left by a crash. Only one of those who see this can move it away.
  const aside = `${lock}.${randomUUID()}`;
  await rename(lock, aside).catch(() => {});
  await rm(aside, { force: true });
  if (!(await create(lock))) throw new FolderError('busy', 'another postern is at work on this');
}

async function create(lock: string): Promise<boolean> {
  try {
    const file = await open(lock, 'wx', 0o600);
    await file.writeFile(String(process.pid)).finally(() => file.close());
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}
