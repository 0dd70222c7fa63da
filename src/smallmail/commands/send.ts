// SEND and the BODY that must follow: takes one message in for a mailbox.   spec: smallmail 2.5

import { DAY, startOfDay } from '../../base/time.ts';
import { badContent, badSize, broken, gone, refused, wrongTime } from '../answers.ts';
import { expiryAfter, idOf } from '../mailbox.ts';
import { EncryptedBodyCheck } from '../openpgp/encrypted-body.ts';
import type { Session } from '../session.ts';
import type { CommandOf } from './command.ts';

/** A message sent again after a lost RCVD is known for this long. */
const DUPLICATE_DAYS = 7;

export const send: CommandOf<'SEND'> = async ({ mailbox, size }, session) => {
  const { post, settings } = session.room;
  const check = await admit(mailbox, size, session);
  await session.send({ word: 'ACCEPT' });

  const line = await session.next();
  if (line === undefined) throw gone();
  if (line.word !== 'BODY') throw wrongTime();
  if (line.size !== size) throw badSize();
  const chunks = session.connection.stream(size, settings.body_time);
  const body = await post.store.messages.receive(idOf(mailbox), watched(chunks, check), size);
  if (check !== undefined && !check.verdict()) {
    await body.discard();
    throw badContent();
  }
  const now = post.clock.now();
  const { status } = await post.store.messages.append(idOf(mailbox), {
    body,
    arrived: startOfDay(now), // the day, not the time   spec: smallmail 2.9
    expires: expiryAfter(now, settings.message_age),
    once: { key: body.sha256, until: startOfDay(now) + (DUPLICATE_DAYS + 1) * DAY },
  });
  // The quota may have run out, or the mailbox gone, since ACCEPT: the wire has no REJECT here.
  if (status === 'full' || status === 'no-mailbox') {
    await body.discard();
    throw broken();
  }
  if (status === 'stored') session.room.tookIn(mailbox, size);
  session.room.count('BODY', status);
  await session.send({ word: 'RCVD' });
};

/** The checks before ACCEPT, with one answer for all. Reserves nothing: the quota is looked at again when the octets are here. */
async function admit(mailbox: string, size: number, session: Session): Promise<EncryptedBodyCheck | undefined> {
  const { settings } = session.room;
  if (size < 1 || size > settings.message_size) throw refused('size');
  const recipient = await session.room.recipient(mailbox);
  if (recipient === undefined) throw refused('unknown-mailbox');
  const { used, quota, keys } = recipient;
  if (used.bytes + size > quota.bytes || used.messages + 1 > quota.messages) throw refused('full');
  if (await session.room.houseIsFull()) throw refused('full-house');
  if (!mayDeliver(mailbox, session)) throw refused('rate');
  if (keys.length === 0) throw refused('key');
  return settings.check_encrypted ? new EncryptedBodyCheck(keys) : undefined;
}

/** spec: smallmail 2.10. What work has paid for draws on buckets of its own, so that a flood without work cannot use it up. */
function mayDeliver(mailbox: string, { room: { rates }, sends, work }: Session): boolean {
  if (sends.take() && rates.toMailbox.take(mailbox)) return true;
  return work.hasSend && rates.toMailboxWithWork.take(mailbox) && work.takeSend();
}

async function* watched(chunks: AsyncIterable<Buffer>, check: EncryptedBodyCheck | undefined): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    check?.push(chunk);
    yield chunk;
  }
}
