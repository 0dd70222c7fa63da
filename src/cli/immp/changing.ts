// `postern immp move`, `copy`, `flag`, `delete` and `folders`.

import { nearest } from '../../base/text.ts';
import * as mailbox from '../../immp/client/mailbox.ts';
import type { ImmpSession } from '../../immp/client/session.ts';
import { agreed } from '../ask-person.ts';
import { UsageError, type YesOption } from '../command.ts';
import { print, printJson } from '../output.ts';
import { advised, asUser, folderNamed, type MailboxOptions, messagesNamed } from './client.ts';
import { offerBlock, sendersOf } from './spam.ts';

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

interface FlagOptions extends MessageOptions {
  readonly set: readonly string[];
  readonly clear: readonly string[];
  readonly block?: boolean;
}

/** spec: immp 2.9, 2.11 */
const FLAGS = ['read', 'flagged', 'important', 'low', 'answered'];
const SPAM = 'spam';

export async function flag(text: string, options: FlagOptions): Promise<void> {
  const { set, clear, block, json } = options;
  if (set.length + clear.length === 0) throw new UsageError('no flag is named', 'give --set FLAG or --clear FLAG');
  for (const word of [...set.filter((each) => each !== SPAM), ...clear]) {
    if (!FLAGS.includes(word)) throw noFlag(word);
  }
  const isSpam = set.includes(SPAM);
  if (block && !isSpam) throw new UsageError('--block goes with --set spam');
  await asUser(options, async (session, { imid }) => {
    const target = await messagesNamed(session, text, options);
    // A shared mailbox has a list of its own, which its members do not change.
    const senders = isSpam && options.mailbox === undefined ? await sendersOf(session, target, imid) : [];
    const changed = await mailbox.flag(session, target, { set, clear });
    if (!json) print(changedInWords('changed', changed));
    const blocked = await offerBlock(session, senders, options);
    if (json) printJson({ changed, ...(isSpam ? { senders, blocked } : {}) });
  });
}

function noFlag(word: string): UsageError {
  const near = nearest(word, [...FLAGS, SPAM]);
  return new UsageError(
    `there is no flag ${word}`,
    near === undefined ? `there are: ${FLAGS.join(', ')}; --set spam moves to JUNK` : `did you mean ${near}?`,
  );
}

export async function remove(text: string, options: MessageOptions & YesOption): Promise<void> {
  if (text === '*') await agreed(`Delete all messages of ${options.folder}?`, options.yes);
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
  const remedies = { '403': 'only an empty folder goes; INBOX, DRAFTS, SENT, JUNK and PUSH are always there' };
  await asUser(options, (session) =>
    advised(remedies, mailbox.changed(session, { word: 'MBOX REMOVE', target: folderNamed(folder, options) })),
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
  else print(changedInWords(done, count));
}

function changedInWords(done: string, count: number): string {
  return `${done} ${count} ${count === 1 ? 'message' : 'messages'}`;
}
