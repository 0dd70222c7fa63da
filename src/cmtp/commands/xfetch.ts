// XFETCH: a whole message, and the server's signature over it.   spec: cmtp 9 D13

import { failed } from '../answers.ts';
import { sign } from '../crypto/keys.ts';
import { formatAttachmentHead } from '../wire/message.ts';
import { u32 } from '../wire/replies.ts';
import type { Command } from './command.ts';
import { isId, ownMailbox, readId } from './own-mailbox.ts';

export const xfetch: Command = async (session) => {
  const { post, server } = session.room;
  const id = await readId(session);
  const mailbox = ownMailbox(session);
  const octets = isId(id) ? await post.store.messages.read(mailbox, id) : undefined;
  if (octets === undefined) throw failed('no-message');
  await session.send(Buffer.concat([u32(1), formatAttachmentHead(octets.length)]));
  // Ed25519 goes over a message twice, so it is held whole while it leaves: the one place where that is so.
  const chunks: Buffer[] = [];
  for await (const chunk of octets.chunks) {
    chunks.push(chunk);
    await session.send(chunk);
  }
  await session.send(sign(Buffer.concat(chunks), server));
};
