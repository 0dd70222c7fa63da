// MBOX STORE: a message put straight into a folder of one's own, such as a draft.   spec: immp 2.9

import { uuidFrom } from '../auth/secrets.ts';
import { Refusal } from '../codes.ts';
import { store } from '../mail/accept.ts';
import { readEnvelopePart } from '../mail/envelope-part.ts';
import { messageFile } from '../mail/message.ts';
import type { Answers, OpenMessage } from '../session.ts';
import type { Handler } from './command.ts';
import { folderAt } from './selection.ts';

export const storeDraft: Handler<'MBOX STORE'> = async ({ target }, answers) => {
  const { session, room } = answers;
  if (session.open !== undefined) throw new Refusal('409');
  const { mailbox, folder } = await folderAt(session, target);
  const id = uuidFrom(room.post.random.bytes(16));
  session.open = { draft: { mailbox, folder: folder.name, id }, multipart: true, subject: undefined, parts: [] };
  await answers.send('270', 'Ok, ready to store. Give me your DATA.');
};

/** What DONE does with it. A draft is its writer's own, and read. */
export async function keepDraft(
  { mailbox, folder, id }: { readonly mailbox: string; readonly folder: string; readonly id: string },
  { parts, envelope }: OpenMessage,
  answers: Answers,
): Promise<void> {
  const { room } = answers;
  const from = answers.session.account;
  const said = envelope ? readEnvelopePart(envelope, from) : {};
  const file = messageFile(
    { ...said, uuid: id, from, origin: room.domain, to: mailbox, received: room.timestamp() },
    parts,
  );
  await store(room, mailbox, file, { folder, flags: ['read'] });
  await answers.send('241', `1 stored ${id}`);
}
