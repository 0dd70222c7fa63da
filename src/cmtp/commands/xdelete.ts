// XDELETE: removes a message for good.   spec: cmtp 9 D13

import { failed } from '../answers.ts';
import type { Command } from './command.ts';
import { isId, ownMailbox, readId } from './own-mailbox.ts';

export const xdelete: Command = async (session) => {
  const id = await readId(session);
  const mailbox = ownMailbox(session);
  const removed = isId(id) ? await session.room.post.store.messages.remove(mailbox, [id]) : 0;
  if (removed === 0) throw failed('no-message');
  await session.answer('success');
};
