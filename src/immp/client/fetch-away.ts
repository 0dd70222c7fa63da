// Fetching as with POP3: each message becomes a file, durable before the server is told to delete it.   spec: immp 2.9

import { open, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../../base/errors.ts';
import { moveFile } from '../../base/files.ts';
import { makeFolder } from '../../base/user-folder.ts';
import type { Target } from '../wire/target.ts';
import { changed, type Entry, fetchRaw, index } from './mailbox.ts';
import type { ImmpSession } from './session.ts';

const PAGE = 500;
const OWNER_ONLY = 0o600;

export interface FetchedAway {
  readonly entry: Entry;
  readonly path: string;
  /** Octets of the file. */
  readonly size: number;
}

/** Writes each message of the folder to `folder` as `DATE-UUID.eml`, and deletes it on the server unless it is to be kept there. */
export async function* fetchAway(
  session: ImmpSession,
  from: Target,
  folder: string,
  keep: boolean,
): AsyncGenerator<FetchedAway, void, void> {
  await makeFolder(folder);
  for (let offset = 0; ; offset += keep ? PAGE : 0) {
    const page = await index(session, from, { limit: PAGE, offset });
    for (const entry of page) {
      const target = { ...from, uuid: entry.uuid };
      const path = join(folder, `${entry.received.slice(0, 10)}-${entry.uuid}.eml`);
      yield { entry, path, size: await written(session, target, path) };
      if (!keep) await changed(session, { word: 'MBOX DELETE', target });
    }
    if (page.length < PAGE) return;
  }
}

/** The size of the file. One that is there was whole before it had its name. */
async function written(session: ImmpSession, target: Target, path: string): Promise<number> {
  const there = await sizeOf(path);
  if (there !== undefined) return there;
  const draft = `${path}.part`;
  let size = 0;
  try {
    await using file = await open(draft, 'w', OWNER_ONLY);
    for await (const piece of fetchRaw(session, target)) {
      if (typeof piece === 'string') continue;
      await file.writeFile(piece);
      size += piece.length;
    }
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
  await moveFile(draft, path);
  return size;
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
