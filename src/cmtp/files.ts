// Accounts as files, in the layout of the old reference server: <root>/<account>/public.key, <account>.xzibit, and the messages as they
// came over the wire. What it did not have lies in <account>/former: keys that were in use before.   spec: cmtp 7, 9 D15, D22

import { createHash } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { mkdir, readdir, readFile, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf, messageOf, PosternError } from '../base/errors.ts';
import { replaceFile } from '../base/files.ts';
import { SECOND } from '../base/time.ts';
import type { Desk } from '../post/control.ts';
import type { CounterFiles, Moved } from '../post/counter.ts';
import type { Post } from '../post/post.ts';
import { accountsOf, mailboxOf } from './accounts.ts';
import { keep, openMailbox, partsOf } from './mailbox.ts';
import { type CmtpSettings, quotaOf } from './settings.ts';
import { parseMessage } from './wire/message.ts';
import type { UserKeys } from './wire/proofs.ts';

const PUBLIC = 'public.key';
const PRIVATE = 'private.key';
const XZIBIT = '.xzibit';
const FORMER = 'former';
const OWNER_ONLY = 0o700;
const PAGE = 100;
/** Head, log, body and attachments as large as a setting may reasonably make them. */
const MAX_FILE = 1024 ** 3;

/** A folder that is not laid out as it should be; the message names the place. */
class FilesError extends PosternError<'files'> {}

export const files: CounterFiles<CmtpSettings> = { export: exportAccounts, import: importAccounts };

async function exportAccounts({ post }: Desk<CmtpSettings>, root: string, moved: Moved): Promise<void> {
  const accounts = accountsOf(post);
  for await (const name of accounts.names()) {
    const account = await accounts.get(name);
    if (account === undefined) continue; // removed just now
    const folder = join(root, name); // no name holds a slash or begins with a dot
    await mkdir(folder, { recursive: true, mode: OWNER_ONLY });
    await writeKeys(folder, name, account);
    if (account.former.length > 0) await mkdir(join(folder, FORMER), { recursive: true, mode: OWNER_ONLY });
    for (const [place, keys] of account.former.entries()) {
      const number = String(place).padStart(4, '0');
      await replaceFile(join(folder, FORMER, `${number}.key`), keys.publicKey);
      await replaceFile(join(folder, FORMER, `${number}${XZIBIT}`), keys.xzibit);
    }
    moved.mailbox();
    await exportMessages(post, name, folder, moved);
  }
  await exportMessages(post, '', root, moved); // the server's own lie in the root   spec: cmtp 4.3
}

async function writeKeys(folder: string, name: string, { publicKey, xzibit }: UserKeys): Promise<void> {
  await replaceFile(join(folder, PUBLIC), publicKey);
  await replaceFile(join(folder, name + XZIBIT), xzibit);
}

async function exportMessages({ store }: Post, account: string, folder: string, moved: Moved): Promise<void> {
  const mailbox = mailboxOf(account);
  for (let next: number | undefined = 0; next !== undefined; ) {
    const page = await store.messages.page(mailbox, { after: next, limit: PAGE });
    for (const { id, arrived } of page.messages) {
      const octets = await store.messages.read(mailbox, id);
      if (octets === undefined) continue; // removed just now
      const file = join(folder, fileNameOf(id));
      await replaceFile(file, Buffer.concat(await Array.fromAsync(octets.chunks)));
      await utimes(file, arrived / SECOND, arrived / SECOND); // the day is in the file's time
      moved.message();
    }
    next = page.next;
  }
}

/** 88 letters, as the old server named its files: BLAKE2b in a base64 whose last letters are + and _. */
function fileNameOf(id: string): string {
  return createHash('blake2b512').update(id).digest('base64').replaceAll('/', '_');
}

/** Takes in what is not here yet: an account that is here keeps its keys, and a message comes in once. */
async function importAccounts({ post, settings }: Desk<CmtpSettings>, root: string, moved: Moved): Promise<void> {
  const entries = (await readdir(root, { withFileTypes: true })).sort((a, b) => (a.name < b.name ? -1 : 1));
  const folders = entries.filter((entry) => entry.isDirectory());
  if (folders.length === 0) {
    throw new FilesError('files', `${root} holds no accounts`, {
      remedy: 'give the folder that holds one folder for each account, named as the account',
    });
  }
  await openMailbox(post, '', quotaOf(settings));
  await importMessages(post, '', root, entries, moved);
  for (const { name } of folders) {
    const folder = join(root, name);
    await importAccount(post, name, folder, settings);
    moved.mailbox();
    await importMessages(post, name, folder, await readdir(folder, { withFileTypes: true }), moved);
  }
}

async function importAccount(post: Post, name: string, folder: string, settings: CmtpSettings): Promise<void> {
  const accounts = accountsOf(post);
  if ((await accounts.get(name)) !== undefined) return;
  const newest = {
    publicKey: await readFile(join(folder, PUBLIC)),
    xzibit: await readFile(join(folder, name + XZIBIT)),
  };
  const [first = newest, ...later] = [...(await formerKeys(join(folder, FORMER))), newest];
  try {
    await accounts.add(name, first, quotaOf(settings));
    for (const keys of later) await accounts.rotate(name, keys);
  } catch (cause) {
    throw new FilesError('files', `${folder} is not an account: ${messageOf(cause)}`, { cause });
  }
}

async function formerKeys(folder: string): Promise<UserKeys[]> {
  let names: string[];
  try {
    names = (await readdir(folder)).filter((name) => name.endsWith('.key')).sort();
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
  const read = async (name: string) => ({
    publicKey: await readFile(join(folder, name)),
    xzibit: await readFile(join(folder, name.replace(/\.key$/, XZIBIT))),
  });
  return Promise.all(names.map(read));
}

/** Every regular file that is no key is a message; nothing that a link points to is read. */
async function importMessages(
  post: Post,
  account: string,
  folder: string,
  entries: Dirent[],
  moved: Moved,
): Promise<void> {
  const others = new Set([PUBLIC, PRIVATE, account + XZIBIT]);
  for (const { name } of entries.filter((entry) => entry.isFile() && !others.has(entry.name))) {
    const file = join(folder, name);
    if ((await stat(file)).size > MAX_FILE) throw new FilesError('files', `${file} is too long for a message`);
    const octets = await readFile(file);
    try {
      parseMessage(octets);
    } catch (cause) {
      throw new FilesError('files', `${file} is not a message: ${messageOf(cause)}`, { cause });
    }
    const kept = await keep(post, account, partsOf(octets));
    if (kept === 'full') throw new FilesError('files', `the mailbox of ${account} has no room for ${file}`);
    if (kept === 'stored') moved.message();
  }
}
