// Whole files, replaced so that a crash leaves the old one or the new one and never a part of either.

import { type FileHandle, open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';

const OWNER_ONLY = 0o600;

/** Writes `data` to `path`, mode 0600; it is durable when the promise resolves. Errors of the file system pass through. */
export async function replaceFile(path: string, data: string | Uint8Array): Promise<void> {
  const draft = `${path}.new`;
  await using(await open(draft, 'w', OWNER_ONLY), async (file) => {
    await file.chmod(OWNER_ONLY); // a draft left by a crash may have had another mode
    await file.writeFile(data);
    await file.sync();
  });
  await rename(draft, path);
  await using(await open(dirname(path), 'r'), (folder) => folder.sync());
}

async function using(file: FileHandle, work: (file: FileHandle) => Promise<void>): Promise<void> {
  try {
    await work(file);
  } finally {
    await file.close();
  }
}
