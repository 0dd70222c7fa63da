// DELE: removes a message for good.   spec: smallmail 2.7

import { noMessage } from '../answers.ts';
import type { CommandOf } from './command.ts';

export const dele: CommandOf<'DELE'> = async ({ mailbox, id }, session) => {
  const box = await session.identify(mailbox);
  if ((await session.room.post.store.messages.remove(box.id, [id])) === 0) throw noMessage();
  session.room.changed(mailbox);
  await session.send({ word: 'DLTD' });
};
