// MAIL: takes one message in, for a user here or for another domain. SUCCESS means that it is on the disk.   spec: cmtp 4.3, 9 D11, D18

import { type Failure, failed, notNow, undeliverable } from '../answers.ts';
import { SEAL_OVERHEAD } from '../crypto/box.ts';
import { type Incoming, readIncoming } from '../incoming.ts';
import { keep } from '../mailbox.ts';
import type { Session } from '../session.ts';
import { limitsOf } from '../settings.ts';
import type { Head } from '../wire/message.ts';
import type { Command } from './command.ts';

export const mail: Command = async (session) => {
  const { settings } = session.room;
  session.ration('mail');
  const incoming = await readIncoming(session.connection, limitsOf(settings), settings.silence_time);
  const failure = await take(incoming, session);
  if (failure === undefined) return session.answer('success');
  if (!failure.close) await incoming.rest.skip();
  if (session.dialect === 'reference') await tell(session, incoming, failure);
  throw failure;
};

/** Why it was not taken. */
async function take(incoming: Incoming, session: Session): Promise<Failure | undefined> {
  const { lengths, envelope } = incoming;
  const { room } = session;
  if (envelope === undefined) return failed('bad-envelope');
  if (lengths.version > 1 || (lengths.version === 0 && !room.settings.allow_plaintext)) return failed('version');
  if (lengths.version === 1 && lengths.bodyLength < SEAL_OVERHEAD) return failed('no-sealed-body');
  return room.isHere(envelope.to.domain) ? toMailbox(incoming, envelope, session) : onward(incoming, envelope, session);
}

type Envelope = Pick<Head, 'to' | 'from'>;

async function toMailbox(incoming: Incoming, { to }: Envelope, { room }: Session): Promise<Failure | undefined> {
  const { head, log, rest, lengths } = incoming;
  // The empty account is the server itself.   spec: cmtp 4.3
  if (to.account !== '' && (await room.accounts.get(to.account)) === undefined) return undeliverable('no-account');
  const size = lengths.attachments === 0 ? head.length + log.length + lengths.bodyLength : undefined;
  const kept = await keep(room.post, to.account, { head, log, rest, size });
  if (kept === 'stored' || kept === 'duplicate') return undefined;
  return undeliverable(kept);
}

async function onward(incoming: Incoming, envelope: Envelope, session: Session): Promise<Failure | undefined> {
  const { forward } = session.room;
  const { lengths, log, rest } = incoming;
  const verdict = await forward.judge({ ...envelope, log }, session.asker);
  if (verdict !== 'ok') return undeliverable(verdict);
  const accepted = await forward.accept({ ...lengths, ...envelope, log, rest });
  return accepted === 'queued' ? undefined : notNow('queue-full');
}

/**
 * An old client hears no answer to MAIL, so the sender gets a message. Only one who has an account here: others could be made to get
 * answers to what they never wrote.   spec: cmtp 9 D11
 */
async function tell({ room }: Session, { envelope }: Incoming, { code }: Failure): Promise<void> {
  if (envelope !== undefined && room.isHere(envelope.from.domain)) {
    await room.forward.bounce(envelope.from, envelope.to, REASONS[code] ?? 'The server does not take such a message.');
  }
}

const REASONS: Readonly<Record<string, string>> = {
  'no-account': 'There is no such account.',
  unknown: 'There is no such account.',
  full: 'The mailbox is full.',
  'not-permitted': 'The server does not carry mail to other domains for everybody.',
  'no-host': 'The domain has no server.',
  loop: 'The message has been carried in a circle.',
};
