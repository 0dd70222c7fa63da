// Whole files, replaced so that a crash leaves the old one or the new one and never a part of either.
// Errors of the file system pass through.

import { open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { codeOf } from './errors.ts';

const OWNER_ONLY = 0o600;

/** The octets of a file, or undefined when there is none. */
export async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Writes `data` to `path`, mode 0600; it is durable when the promise resolves. When it fails the old file stays. */
export async function replaceFile(path: string, data: string | Uint8Array): Promise<void> {
  const draft = `${path}.new`;
  try {
    await using file = await open(draft, 'w', OWNER_ONLY);
    await file.chmod(OWNER_ONLY); // a draft left by a crash may have had another mode
    await file.writeFile(data);
    await file.sync();
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
  await rename(draft, path);
  await syncFolder(dirname(path));
}

/** Renames a file within one file system; its octets and its new name are durable when the promise resolves. */
export async function moveFile(from: string, to: string): Promise<void> {
  {
    await using file = await open(from, 'r');
    await file.sync();
  }
  await rename(from, to);
  await syncFolder(dirname(to));
}

/** Makes new names in a folder durable. */
export async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path, 'r');
  await folder.sync();
}
