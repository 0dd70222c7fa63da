// RECV: a whole message.   spec: smallmail 2.7

import { noMessage } from '../answers.ts';
import type { CommandOf } from './command.ts';
import { sendOctets } from './octets.ts';

export const recv: CommandOf<'RECV'> = async ({ mailbox, id }, session) => {
  const box = await session.identify(mailbox);
  const octets = await session.room.post.store.messages.read(box.id, id);
  if (octets === undefined) throw noMessage();
  await sendOctets(session, { word: 'BODY', size: octets.length }, octets.chunks);
};
