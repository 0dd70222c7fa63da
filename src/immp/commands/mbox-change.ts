// MBOX FLAG, MOVE, COPY and DELETE: changes to messages that lie in a mailbox.   spec: immp 2.9

import type { Message } from '../../store/messages.ts';
import type { Messages } from '../../store/store.ts';
import { idOf } from '../accounts.ts';
import { Refusal } from '../codes.ts';
import { isFlag } from '../mail/flags.ts';
import { readEntry } from '../mail/message.ts';
import { report } from '../mail/reports.ts';
import { uuidOctets } from '../watching.ts';
import type { Handler } from './command.ts';
import { folderAt, type Selection, select } from './selection.ts';

/** Changes that are given to the store at once, which it then syncs together. */
const AT_ONCE = 200;

export const flag: Handler<'MBOX FLAG'> = async ({ target, set = [], clear = [] }, answers) => {
  const spam = set.includes('spam');
  const add = set.filter((word) => word !== 'spam');
  if (![...add, ...clear].every(isFlag) || set.some((word) => clear.includes(word))) throw new Refusal('406');
  const { messages } = answers.room.post.store;
  const selection = await select(answers.session, target);
  const box = idOf(selection.mailbox);
  const count = await forEach(selection, async ({ id, index }) => {
    const flagged = await messages.flag(box, id, { add, remove: clear });
    if (spam) await report(answers.room, answers.session.account, readEntry(index).envelope.origin);
    return spam ? messages.move(box, id, 'junk') : flagged; // spec: immp 2.11
  });
  await answers.send('241', `${count} flagged`);
};

export const move: Handler<'MBOX MOVE'> = async ({ target, to }, answers) => {
  const { messages } = answers.room.post.store;
  const selection = await select(answers.session, target);
  const { mailbox, folder } = await folderAt(answers.session, to);
  const box = idOf(selection.mailbox);
  const count = await forEach(selection, async (message) => {
    if (mailbox === selection.mailbox) return messages.move(box, message.id, folder.name);
    const copied = await copyTo(message);
    return copied && (await messages.remove(box, [message.id])) > 0;
  });
  await answers.send('241', `${count} moved`);

  function copyTo(message: Message): Promise<boolean> {
    return copyMessage(answers.room.post.store.messages, box, message, idOf(mailbox), folder.name);
  }
};

export const copy: Handler<'MBOX COPY'> = async ({ target, to }, answers) => {
  const { messages } = answers.room.post.store;
  const selection = await select(answers.session, target);
  const { mailbox, folder } = await folderAt(answers.session, to);
  const last = (await answers.room.accounts.mailbox(selection.mailbox))?.modseq ?? 0;
  let count = 0;
  for await (const message of selection.messages()) {
    if (message.uid > last) continue; // a copy of ours in the same folder
    if (await copyMessage(messages, idOf(selection.mailbox), message, idOf(mailbox), folder.name)) count += 1;
  }
  await answers.send('241', `${count} copied`);
};

export const remove: Handler<'MBOX DELETE'> = async ({ target }, answers) => {
  const { messages } = answers.room.post.store;
  const selection = await select(answers.session, target);
  const count = await forEach(selection, async ({ id }) => (await messages.remove(idOf(selection.mailbox), [id])) > 0);
  await answers.send('241', `${count} deleted`);
};

/** How many messages `work` is true of. */
async function forEach(selection: Selection, work: (message: Message) => Promise<boolean>): Promise<number> {
  let count = 0;
  let some: Promise<boolean>[] = [];
  const settle = async () => {
    count += (await Promise.all(some)).filter(Boolean).length;
    some = [];
  };
  for await (const message of selection.messages()) {
    some.push(work(message));
    if (some.length >= AT_ONCE) await settle();
  }
  await settle();
  return count;
}

/** False when it went meanwhile. Throws Refusal 441. */
async function copyMessage(
  messages: Messages,
  box: string,
  message: Message,
  toBox: string,
  folder: string,
): Promise<boolean> {
  const read = await messages.read(box, message.id);
  if (read === undefined) return false;
  const body = await messages.receive(toBox, read.chunks, read.length);
  const { status } = await messages.append(toBox, {
    body,
    folder,
    flags: message.flags,
    arrived: message.arrived,
    index: message.index,
    name: uuidOctets(readEntry(message.index).envelope.uuid), // a message may lie in several folders   spec: immp 1.2
  });
  if (status === 'stored') return true;
  await body.discard();
  throw new Refusal('441');
}
