// The office's mail as the programs keep it where they run alone: `users.toml`, the mailbox directories, a file for each list. So one may
// move from an office to the programs and back.   spec: ima 2.7, 2.12

import { readdir } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { stringify } from 'smol-toml';
import { codeOf } from '../base/errors.ts';
import { replaceFile } from '../base/files.ts';
import { makeFolder } from '../base/user-folder.ts';
import type { Desk } from '../post/control.ts';
import type { CounterFiles, Moved } from '../post/counter.ts';
import { ImaError } from './errors.ts';
import { listsInFolder, listsInStore, writeListFile } from './lists/records.ts';
import { Mailbox } from './mailbox/mailbox.ts';
import { mailboxPath } from './mailbox/place.ts';
import { accountsOf } from './office/accounts.ts';
import { Mirror } from './office/mirror.ts';
import type { ImaSettings } from './settings.ts';
import { readUsersFile } from './users/users.ts';
import { isAddress } from './wire/names.ts';

const USERS = 'users.toml';
const LISTS = 'lists';
const LIST_FILE = '.json';

type ImaDesk = Desk<ImaSettings>;

export const files: CounterFiles<ImaSettings> = { export: exportAll, import: importAll };

async function exportAll(desk: ImaDesk, root: string, moved: Moved): Promise<void> {
  const { post } = desk;
  const accounts = accountsOf(desk);
  const users: Record<string, object> = {};
  for (const name of await accounts.list()) {
    const account = await accounts.get(name);
    if (account === undefined) continue; // removed just now
    const { address, auth, password, keys, keepSent } = account;
    users[address] = { auth, keys: [...keys], keep_sent: keepSent, ...(password === undefined ? {} : { password }) };
    await copyMailbox(new Mailbox(account.mailbox, post), new Mailbox(placeIn(root, address), post), moved);
  }
  await replaceFile(join(root, USERS), `${stringify(users)}\n`);
  const lists = listsInStore(post.store.documents);
  for (const address of await lists.addresses()) {
    const list = await lists.get(address);
    if (list) await writeListFile(join(root, LISTS), list);
  }
}

/** Takes in what is not here yet: an account that is there keeps its login, and gets the messages that it lacks. */
async function importAll(desk: ImaDesk, root: string, moved: Moved): Promise<void> {
  const { post } = desk;
  const accounts = accountsOf(desk);
  const users = await readUsersFile(join(root, USERS), (address) => placeIn(root, address)).catch((cause: unknown) => {
    if (codeOf(cause) !== 'ENOENT') throw cause;
    throw new ImaError('usage', `${root} holds no ${USERS}`, {
      cause,
      remedy: `give the folder that ${basename(root)} was exported to, or in which server-post-office ran`,
    });
  });
  const mirror = new Mirror(post);
  for (const { mailbox: given, ...account } of users) {
    const known = await accounts.get(account.address);
    if (known === undefined) await accounts.add({ ...account, keys: [...account.keys] });
    const here = new Mailbox((await accounts.get(account.address))?.mailbox ?? '', post);
    await copyMailbox(new Mailbox(resolve(root, given), post), here, moved);
    await mirror.update(account.address, here);
  }
  const [there, here] = [listsInFolder(join(root, LISTS)), listsInStore(post.store.documents)];
  for (const address of await listedIn(join(root, LISTS))) {
    const list = await there.get(address);
    if (list) await here.add(list);
  }
}

/** Every message that `to` lacks, under the id that it has, with its flags. */
async function copyMailbox(from: Mailbox, to: Mailbox, moved: Moved): Promise<void> {
  await from.make();
  await to.make();
  for (const name of await from.folders()) {
    await makeFolder(join(to.path, name, 'msg'));
    const [source, target] = [from.folder(name), to.folder(name)];
    const there = new Set((await target.list()).map(({ id }) => id));
    for (const { id, flags } of await source.list()) {
      if (there.has(id)) continue;
      await target.deliver(await source.read(id), { id, flags });
      moved.message();
    }
  }
  moved.mailbox();
}

function placeIn(root: string, address: string): string {
  return mailboxPath(join(root, 'mailboxes'), address);
}

async function listedIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  });
  return names
    .filter((name) => name.endsWith(LIST_FILE))
    .map((name) => name.slice(0, -LIST_FILE.length))
    .filter(isAddress);
}
