// Where things lie in a mailbox directory, and how one is made.   spec: ima 2.7

import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../../base/errors.ts';
import { ImaError } from '../errors.ts';
import { isFolder } from '../wire/names.ts';
import type { PartHead } from '../wire/parts.ts';

const OWNER_ONLY = 0o700;
const MARK = 'ima-mailbox';
const VERSION = '1\n';

export const INBOX = 'inbox';
/** Folders that every mailbox has. */
export const FOLDERS = [INBOX, 'sent', 'drafts', 'trash'] as const;

/** The places in one folder. */
export interface Places {
  readonly path: string;
  readonly seq: string;
  readonly log: string;
  readonly tmp: string;
  readonly msg: string;
}

export function placesIn(path: string): Places {
  return {
    path,
    seq: join(path, 'seq'),
    log: join(path, 'log'),
    tmp: join(path, 'tmp'),
    msg: join(path, 'msg'),
  };
}

/** The file of a part, counted from 0.   spec: ima 2.7 */
export function partFile(place: number, { role }: PartHead): string {
  return `${place + 1}.${role}`;
}

/** Makes what is missing of a mailbox and its usual folders; harmless where it is there. Throws ImaError `mailbox` at another version. */
export async function makeMailbox(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: OWNER_ONLY });
  const mark = join(path, MARK);
  const version = await readFile(mark, 'latin1').catch(absent);
  if (version === undefined) await writeFile(mark, VERSION, { mode: 0o600 });
  else if (version.trim() !== VERSION.trim())
    throw new ImaError('mailbox', 'the mailbox is of a kind that is not known here');
  for (const folder of FOLDERS) await makeFolder(join(path, folder));
}

export async function makeFolder(path: string): Promise<void> {
  const { tmp, msg } = placesIn(path);
  await mkdir(tmp, { recursive: true, mode: OWNER_ONLY });
  await mkdir(msg, { recursive: true, mode: OWNER_ONLY });
}

/** Names of the folders of a mailbox, in order. */
export async function foldersIn(mailbox: string): Promise<string[]> {
  const entries = await readdir(mailbox, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory() && isFolder(entry.name))
    .map(({ name }) => name)
    .sort();
}

/** For what may not be there. */
export function absent(error: unknown): undefined {
  if (codeOf(error) === 'ENOENT') return undefined;
  throw error;
}
