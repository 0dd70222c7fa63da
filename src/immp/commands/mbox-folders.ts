// MBOX CREATE and REMOVE: folders.   spec: immp 2.9

import { idOf } from '../accounts.ts';
import { Refusal } from '../codes.ts';
import { findFolder, foldersBelow, foldPath, isFixed } from '../mail/folders.ts';
import type { Handler } from './command.ts';
import { folderAt } from './selection.ts';

const MAX_FOLDERS = 1000;
/** Octets of a whole path, as the store takes them. */
const MAX_PATH = 255;

export const createFolder: Handler<'MBOX CREATE'> = async ({ target }, answers) => {
  const { session, room } = answers;
  const { base, folders, filter, uuid } = target;
  const bad = folders.length === 0 || folders.some((name) => name === '.' || name === '..' || name.trim() !== name);
  if (filter !== undefined || uuid !== undefined || bad) throw new Refusal('406');
  const mailbox = await session.mailbox(base);
  const { mailboxes } = room.post.store;
  const all = await mailboxes.folders(idOf(mailbox));
  if (findFolder(all, folders)) throw new Refusal('409');
  if (foldPath(folders.slice(0, 1)) === 'push' || all.length >= MAX_FOLDERS) throw new Refusal('403');
  let path = '';
  for (const [at, name] of folders.entries()) {
    path = findFolder(all, folders.slice(0, at + 1))?.name ?? (path === '' ? name : `${path}/${name}`);
    if (Buffer.byteLength(path) > MAX_PATH) throw new Refusal('406');
    await mailboxes.createFolder(idOf(mailbox), path);
  }
  await answers.send('241', '1 created');
};

export const removeFolder: Handler<'MBOX REMOVE'> = async ({ target }, answers) => {
  const { mailbox, folder } = await folderAt(answers.session, target);
  const { mailboxes } = answers.room.post.store;
  if (isFixed(foldPath([folder.name]))) throw new Refusal('403');
  const below = foldersBelow(await mailboxes.folders(idOf(mailbox)), folder.name.split('/'));
  const removed = below.length === 1 && (await mailboxes.removeFolder(idOf(mailbox), folder.name));
  if (!removed) throw new Refusal('403', { text: 'Not allowed: the folder is not empty' });
  await answers.send('241', '1 removed');
};
