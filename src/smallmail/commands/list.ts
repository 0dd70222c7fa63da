// LIST: id and size of each message in a mailbox, oldest first.   spec: smallmail 2.7

import type { CommandOf } from './command.ts';

const PAGE = 500;

export const list: CommandOf<'LIST'> = async ({ mailbox }, session) => {
  const { id } = await session.identify(mailbox);
  const { messages } = session.room.post.store;
  for (let after: number | undefined = 0; after !== undefined; ) {
    const page = await messages.page(id, { after, limit: PAGE });
    for (const message of page.messages) await session.send({ word: 'MSG', id: message.id, size: message.size });
    after = page.next;
  }
  await session.send({ word: 'LSTD' });
};
