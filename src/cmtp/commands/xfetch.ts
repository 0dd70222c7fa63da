// XFETCH: a whole message, and the server's signature over it.   spec: cmtp 9 D13

import { failed } from '../answers.ts';
import { sign } from '../crypto/keys.ts';
import type { Room } from '../room.ts';
import { formatAttachmentHead } from '../wire/message.ts';
import { u32 } from '../wire/replies.ts';
import type { Command } from './command.ts';
import { isId, ownMailbox, readId } from './own-mailbox.ts';

export const xfetch: Command = async (session) => {
  const { room } = session;
  const id = await readId(session);
  const mailbox = ownMailbox(session);
  const signature = isId(id) ? await signatureOf(room, mailbox, id) : undefined;
  const octets = signature && (await room.post.store.messages.read(mailbox, id));
  if (signature === undefined || octets === undefined) throw failed('no-message');
  await session.send(Buffer.concat([u32(1), formatAttachmentHead(octets.length)]));
  for await (const chunk of octets.chunks) await session.send(chunk);
  await session.send(signature);
};

/**
 * Ed25519 goes over a message twice, so that it is whole in memory for once: for as long as the store takes, not the peer, and only a
 * few at a time. What is sent is read anew.
 */
async function signatureOf(room: Room, mailbox: string, id: string): Promise<Buffer | undefined> {
  await room.signing.take();
  try {
    const octets = await room.post.store.messages.read(mailbox, id);
    return octets && sign(Buffer.concat(await Array.fromAsync(octets.chunks)), room.server);
  } finally {
    room.signing.give();
  }
}
