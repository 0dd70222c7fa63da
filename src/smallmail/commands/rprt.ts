// RPRT: a part of a message, which is how a broken RECV is resumed.   spec: smallmail 2.7

import { badContent, noMessage } from '../answers.ts';
import type { CommandOf } from './command.ts';
import { sendOctets } from './octets.ts';

export const rprt: CommandOf<'RPRT'> = async ({ mailbox, id, offset, length }, session) => {
  const box = await session.identify(mailbox);
  const { messages } = session.room.post.store;
  const message = await messages.find(box.id, id);
  if (message === undefined) throw noMessage();
  if (offset > message.size) throw badContent();
  const wanted = length === 'END' ? message.size - offset : Math.min(length, message.size - offset);
  const octets = await messages.read(box.id, id, { offset, length: wanted });
  if (octets === undefined) throw noMessage();
  await sendOctets(session, { word: 'PART', offset, size: octets.length }, octets.chunks);
};
