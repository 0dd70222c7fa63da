// What a target stands for: a mailbox, a folder in it, messages.   spec: immp 2.9

import type { Message } from '../../store/messages.ts';
import type { Folder } from '../../store/store.ts';
import { idOf } from '../accounts.ts';
import { Refusal } from '../codes.ts';
import { findFolder } from '../mail/folders.ts';
import type { Session } from '../session.ts';
import { uuidOctets } from '../watching.ts';
import type { Filter, Target } from '../wire/target.ts';

const PAGE = 500;

export interface Place {
  /** The account's name. */
  readonly mailbox: string;
  readonly folder: Folder;
}

/** The folder that a target without filter or message names. Throws Refusal 403, 406 or 440. */
export async function folderAt(session: Session, target: Target): Promise<Place> {
  if (target.filter !== undefined || target.uuid !== undefined) throw new Refusal('406');
  const { mailbox, folder } = await placeOf(session, target);
  if (folder === undefined) throw new Refusal('406');
  return { mailbox, folder };
}

/** Mailbox and folder; no folder for the mailbox as a whole. Throws Refusal 403 or 440. */
export async function placeOf(
  session: Session,
  target: Target,
): Promise<{ readonly mailbox: string; readonly folder: Folder | undefined }> {
  const mailbox = await session.mailbox(target.base);
  if (target.folders.length === 0) return { mailbox, folder: undefined };
  const folder = findFolder(await session.room.post.store.mailboxes.folders(idOf(mailbox)), target.folders);
  if (folder === undefined) throw new Refusal('440');
  return { mailbox, folder };
}

export interface Selection {
  readonly mailbox: string;
  /** One message was asked for by its UUID. */
  readonly single: boolean;
  messages(): AsyncGenerator<Message, void, void>;
}

/** The messages that a target names, oldest first. Throws Refusal 403, 404 or 440. */
export async function select(session: Session, target: Target): Promise<Selection> {
  const { mailbox, folder } = await placeOf(session, target);
  const { messages } = session.room.post.store;
  const box = idOf(mailbox);
  const lies = (message: Message) => folder === undefined || message.folder === folder.name;
  if (target.uuid !== undefined) {
    const named = await messages.named(box, uuidOctets(target.uuid));
    const found = named.filter((message) => lies(message) && fits(message, target.filter));
    if (found.length === 0) throw new Refusal('404');
    return { mailbox, single: true, messages: () => each(found) };
  }
  const { filter } = target;
  if (typeof filter === 'object') {
    const since = filter.since > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(filter.since);
    return { mailbox, single: false, messages: () => changedSince(session, box, since, lies) };
  }
  return { mailbox, single: false, messages: () => paged(session, box, folder?.name, filter) };
}

/** What a filter says of flags.   spec: immp 2.9 */
export function flagOf(filter: Filter | undefined): { readonly name: string; readonly set: boolean } | undefined {
  if (filter === undefined || typeof filter === 'object' || filter === '*') return undefined;
  return filter === 'unread' ? { name: 'read', set: false } : { name: filter, set: true };
}

function fits({ flags, modseq }: Message, filter: Filter | undefined): boolean {
  if (typeof filter === 'object') return modseq > filter.since;
  const flag = flagOf(filter);
  return flag === undefined || flags.includes(flag.name) === flag.set;
}

async function* each(messages: readonly Message[]): AsyncGenerator<Message, void, void> {
  yield* messages;
}

async function* paged({ room }: Session, box: string, folder: string | undefined, filter: Filter | undefined) {
  const flag = flagOf(filter);
  const wanted = { limit: PAGE, ...(folder === undefined ? {} : { folder }), ...(flag ? { flag } : {}) };
  for (let after: number | undefined = 0; after !== undefined; ) {
    const page: Awaited<ReturnType<typeof room.post.store.messages.page>> = await room.post.store.messages.page(box, {
      ...wanted,
      after,
    });
    yield* page.messages;
    after = page.next;
  }
}

async function* changedSince({ room }: Session, box: string, since: number, lies: (message: Message) => boolean) {
  for (let [from, more] = [since, true]; more; ) {
    const changes = await room.post.store.messages.changes(box, from, PAGE);
    yield* changes.messages.filter(lies);
    [from, more] = [changes.modseq, changes.more];
  }
}
