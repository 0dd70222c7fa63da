// MBOX CHECK: how much lies in a folder, and in those below it. Costs what the number of folders does, not of messages.   spec: immp 2.9

import type { Folder } from '../../store/store.ts';
import { idOf } from '../accounts.ts';
import { Refusal } from '../codes.ts';
import { foldersBelow } from '../mail/folders.ts';
import type { Target } from '../wire/target.ts';
import { folderStatus } from '../wire/texts.ts';
import type { Handler } from './command.ts';
import { placeOf } from './selection.ts';
import { onlySwitches } from './switches.ts';

export const check: Handler<'MBOX CHECK'> = async ({ target, switches, limit, offset }, answers) => {
  onlySwitches(switches, ['+RECURSIVE']);
  if (limit !== undefined || offset !== undefined || target.uuid !== undefined) throw new Refusal('406');
  const { session, room } = answers;
  const { mailbox, folder } = await placeOf(session, target);
  const folders = await room.post.store.mailboxes.folders(idOf(mailbox));
  const self = folder === undefined ? sum(folders) : (folders.find(({ name }) => name === folder.name) ?? folder);
  const below = switches.includes('+RECURSIVE')
    ? foldersBelow(folders, target.folders).filter(({ name }) => name !== folder?.name)
    : [];
  const shown = folder === undefined && switches.includes('+RECURSIVE') ? below : [self, ...below];
  await answers.sendAll(
    '240',
    shown.map((each) => folderStatus.write({ ...countsOf(each), target: named(target, each, self) })),
  );
};

function countsOf({ unread, messages, bytes, modseq }: Folder) {
  return { unread, total: messages, size: bytes, modseq };
}

/** The target as its writer spelled it, or a folder below it in the same manner.   spec: immp 1.10 */
function named(target: Target, folder: Folder, self: Folder): Target {
  return { ...target, filter: target.filter ?? '*', ...(folder === self ? {} : { folders: folder.name.split('/') }) };
}

function sum(folders: readonly Folder[]): Folder {
  const total = (figure: (folder: Folder) => number) => folders.reduce((all, each) => all + figure(each), 0);
  return {
    name: '',
    messages: total(({ messages }) => messages),
    bytes: total(({ bytes }) => bytes),
    unread: total(({ unread }) => unread),
    modseq: Math.max(0, ...folders.map(({ modseq }) => modseq)),
  };
}
