// `postern immp move`, `copy`, `flag`, `delete` and `folders`.

import * as mailbox from '../../immp/client/mailbox.ts';
import type { ImmpSession } from '../../immp/client/session.ts';
import { UsageError } from '../command.ts';
import { print, printJson } from '../output.ts';
import { asUser, folderNamed, type MailboxOptions, messagesNamed } from './client.ts';

type MessageOptions = MailboxOptions & { readonly folder: string };

export async function move(text: string, folder: string, options: MessageOptions): Promise<void> {
  await change('moved', options, async (session) => {
    const target = await messagesNamed(session, text, options);
    return mailbox.changed(session, { word: 'MBOX MOVE', target, to: folderNamed(folder, options) });
  });
}

export async function copy(text: string, folder: string, options: MessageOptions): Promise<void> {
  await change('copied', options, async (session) => {
    const target = await messagesNamed(session, text, options);
    return mailbox.changed(session, { word: 'MBOX COPY', target, to: folderNamed(folder, options) });
  });
}

export async function flag(
  text: string,
  options: MessageOptions & { readonly set: readonly string[]; readonly clear: readonly string[] },
): Promise<void> {
  const { set, clear } = options;
  if (set.length + clear.length === 0) throw new UsageError('no flag is named', 'give --set FLAG or --clear FLAG');
  await change('changed', options, async (session) =>
    mailbox.flag(session, await messagesNamed(session, text, options), { set, clear }),
  );
}

export async function remove(text: string, options: MessageOptions): Promise<void> {
  await change('deleted', options, async (session) => {
    const target = await messagesNamed(session, text, options);
    return mailbox.changed(session, { word: 'MBOX DELETE', target });
  });
}

export async function createFolder(folder: string, options: MailboxOptions): Promise<void> {
  await asUser(options, (session) =>
    mailbox.changed(session, { word: 'MBOX CREATE', target: folderNamed(folder, options) }),
  );
  if (options.json) printJson({ created: folder });
  else print(`made ${folder}`);
}

export async function removeFolder(folder: string, options: MailboxOptions): Promise<void> {
  await asUser(options, (session) =>
    mailbox.changed(session, { word: 'MBOX REMOVE', target: folderNamed(folder, options) }),
  );
  if (options.json) printJson({ removed: folder });
  else print(`removed ${folder}`);
}

async function change(
  done: string,
  options: MessageOptions,
  work: (session: ImmpSession) => Promise<number>,
): Promise<void> {
  const count = await asUser(options, work);
  if (options.json) printJson({ [done]: count });
  else print(`${done} ${count} ${count === 1 ? 'message' : 'messages'}`);
}
