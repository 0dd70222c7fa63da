// XLIST: id, length and day of arrival of each message, the oldest first.   spec: cmtp 9 D13

import { SECOND } from '../../base/time.ts';
import type { Message } from '../../store/messages.ts';
import { u32 } from '../wire/replies.ts';
import type { Command } from './command.ts';
import { ownMailbox } from './own-mailbox.ts';

const PAGE = 500;
/** Whoever has more sees the rest when he has deleted some. */
const MOST = 20_000;

export const xlist: Command = async (session) => {
  const { messages } = session.room.post.store;
  const mailbox = ownMailbox(session);
  const entries: Buffer[] = [];
  for (let after: number | undefined = 0; after !== undefined && entries.length < MOST; ) {
    const page = await messages.page(mailbox, { after, limit: PAGE });
    entries.push(...page.messages.map(entryOf));
    after = page.next;
  }
  await session.send(Buffer.concat([u32(1), u32(entries.length), ...entries]));
};

function entryOf({ id, size, arrived }: Message): Buffer {
  const figures = Buffer.alloc(16);
  figures.writeBigUInt64BE(BigInt(size), 0);
  figures.writeBigUInt64BE(BigInt(Math.floor(arrived / SECOND)), 8);
  return Buffer.concat([Buffer.from(id, 'latin1'), figures]);
}
