// The one folder that an office owns: what lies where in it, and the rule that nobody else on the machine may look inside.

import { mkdir, readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { codeOf, messageOf } from '../base/errors.ts';
import { OfficeError } from './errors.ts';

/** Absolute paths. */
export interface DataFolder {
  readonly path: string;
  readonly config: string;
  readonly keys: string;
  readonly tlsKey: string;
  readonly tlsCertificate: string;
  readonly database: string;
  /** Where a running office listens to its operator. */
  readonly control: string;
}

const OWNER_ONLY_FOLDER = 0o700;
const OTHERS = 0o077;

export function dataFolderAt(path: string): DataFolder {
  const root = resolve(path);
  const keys = join(root, 'keys');
  return {
    path: root,
    config: join(root, 'postern.toml'),
    keys,
    tlsKey: join(keys, 'tls.key'),
    tlsCertificate: join(keys, 'tls.crt'),
    database: join(root, 'mail.sqlite'),
    control: join(root, 'control.sock'),
  };
}

/** Files of a counter in a folder of this name inside the counter's are left out of backups. */
export const WORK = 'work';

/** The counter's own folder, made when it is not there yet. */
export async function folderOf(folder: DataFolder, counter: string): Promise<string> {
  const path = join(folder.path, counter);
  await mkdir(path, { recursive: true, mode: OWNER_ONLY_FOLDER });
  return path;
}

/** Makes what is not there yet, for its owner alone. Throws OfficeError `folder`. */
export async function makeDataFolder(folder: DataFolder): Promise<void> {
  try {
    await mkdir(folder.path, { recursive: true, mode: OWNER_ONLY_FOLDER });
    await mkdir(folder.keys, { recursive: true, mode: OWNER_ONLY_FOLDER });
  } catch (cause) {
    throw new OfficeError('folder', `the data folder ${folder.path} cannot be made: ${messageOf(cause)}`, {
      cause,
      remedy: 'give another place with --data, or make the folder as its owner',
    });
  }
}

/** Throws OfficeError `folder` when there is no office here, it is another user's, or others may look into it. */
export async function checkDataFolder(folder: DataFolder): Promise<void> {
  if ((await statOf(folder.config)) === undefined) {
    throw new OfficeError('folder', `there is no office in ${folder.path}`, {
      remedy: '`postern serve` makes one there; --data names another folder',
    });
  }
  await refuseForeign(folder);
  const open = await openToOthers(folder);
  if (open.length > 0) {
    throw new OfficeError('folder', `others on this machine may look into ${open.join(', ')}`, {
      remedy: `chmod -R go= ${quoted(folder.path)}`,
    });
  }
}

/**
 * Throws OfficeError `folder` when it belongs to another user: whatever this one, root above all, would write there, even by
 * reading the store, its owner could not use any more.
 */
export async function refuseForeign(folder: DataFolder, user = process.getuid?.()): Promise<void> {
  const owner = (await statOf(folder.path))?.uid;
  if (owner === undefined || user === undefined || owner === user) return;
  throw new OfficeError('folder', `the data folder ${folder.path} belongs to another user`, {
    remedy: `run this as that user: sudo -u '#${owner}' …`,
  });
}

/** The folders and files of the office that others than the owner may read, write or list. */
export async function openToOthers(folder: DataFolder): Promise<string[]> {
  const folders = (await readdir(folder.path, { withFileTypes: true }).catch(() => []))
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(folder.path, name));
  const inside = folders.map(async (path) => (await readdir(path).catch(() => [])).map((name) => join(path, name)));
  const files = [folder.config, folder.database, ...folders, ...(await Promise.all(inside)).flat()];
  const found: string[] = [];
  for (const file of [folder.path, ...files]) {
    const mode = (await statOf(file))?.mode ?? 0;
    if ((mode & OTHERS) !== 0) found.push(file);
  }
  return found;
}

async function statOf(path: string) {
  try {
    return await stat(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw new OfficeError('folder', `${path} cannot be looked at: ${messageOf(error)}`, {
      cause: error,
      remedy: 'run this as the user whom the office belongs to',
    });
  }
}

/** A path as a shell takes it. */
function quoted(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}
