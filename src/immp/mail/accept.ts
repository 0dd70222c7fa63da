// Takes a message into a mailbox of this office, whoever brought it: a user, another domain, another counter.   spec: immp 2.8, 2.11, 2.12

import { hash } from 'node:crypto';
import { DAY } from '../../base/time.ts';
import type { MessageDraft } from '../../store/messages.ts';
import { idOf, type Recipient } from '../accounts.ts';
import { Refusal } from '../codes.ts';
import { isDaemon, isNotice } from '../federation/bounce.ts';
import { isCircle } from '../federation/trace.ts';
import type { Room } from '../room.ts';
import { uuidOctets } from '../watching.ts';
import { accountName, formatImid, type Imid, imid } from '../wire/imid.ts';
import type { Delivery } from './delivery.ts';
import { judgeContent } from './filter.ts';
import { redirect } from './folders.ts';
import { type Envelope, type MessageFile, messageFile, writeEntry } from './message.ts';
import { isReported } from './reports.ts';
import { type Sealed, sealFor } from './sealing.ts';

/** The same message again within this time is not stored twice. */
const DUPLICATES = 7 * DAY;
const SMALL = 64 * 1024;

/** The mailbox that is to have mail for `to`. Throws Refusal 450 or 430.   spec: immp 2.11 */
export async function admit(room: Room, to: Imid, from: string | undefined, origin: string): Promise<Recipient> {
  const recipient = await room.accounts.recipient(to);
  if (recipient === undefined) throw new Refusal('450');
  if (isBlocked([...recipient.account.block, ...room.settings.blocked.split(/\s+/)], from, origin))
    throw new Refusal('430');
  return recipient;
}

function isBlocked(list: readonly string[], from: string | undefined, origin: string): boolean {
  const sender = from === undefined ? undefined : imid.read(from);
  const names = [`@${origin}`, ...(from ? [from] : []), ...(sender ? [accountName(sender), `@${sender.domain}`] : [])];
  const entries = new Set(list.map((entry) => entry.toLowerCase()));
  return names.some((name) => entries.has(name.toLowerCase()));
}

/**
 * Stores it, durable when this resolves. Throws Refusal: 450, 430, 441. `authority`: the account or domain that was
 * authenticated, within which the id is unique.
 */
export async function accept(room: Room, delivery: Delivery, authority: string): Promise<'stored' | 'duplicate'> {
  const { to, from, origin, id } = delivery;
  if (isNotice(to, from) && room.carrier !== undefined) {
    await room.carrier.takeNotice(delivery, authority);
    return 'stored';
  }
  const { name, account } = await admit(room, to, from, origin);
  const file = messageFile(envelopeOf(room, delivery), delivery.parts);
  const verdict = isDaemon(from ?? '') && origin === room.domain ? 'take' : await judgeContent(room, file);
  if (verdict === 'refuse') throw new Refusal('430');
  const junk = verdict === 'junk' || (await isReported(room, origin));
  const folders = to.tag === undefined ? [] : await room.post.store.mailboxes.folders(idOf(name));
  const sealed = await sealFor(room, account, file, delivery.parts);
  let status: 'stored' | 'duplicate';
  try {
    // Sent on before it is stored: if that fails all is tried again, and nothing is lost.
    if (account.forward !== '' && !delivery.forwarded)
      await sendOn(room, delivery, sealed, { name, account }, authority);
    status = await store(room, name, sealed.file, {
      folder: junk ? 'junk' : redirect(folders, to.tag),
      flags: delivery.importance === undefined ? [] : [delivery.importance],
      once: {
        // The origin belongs to it: else whoever knows the id could get in first.
        key: hash('sha256', [authority, id, formatImid(to).toLowerCase()].join('\0'), 'buffer'),
        until: room.post.clock.now() + DUPLICATES,
      },
    });
  } finally {
    await sealed.discard();
  }
  room.count('(accept)', status);
  return status;
}

/** Puts a message file into a mailbox. Throws Refusal 441 or 450. */
export async function store(
  room: Room,
  mailbox: string,
  file: MessageFile,
  more: Pick<MessageDraft, 'folder' | 'flags' | 'once'>,
): Promise<'stored' | 'duplicate'> {
  const { messages } = room.post.store;
  const box = idOf(mailbox);
  const body = file.size <= SMALL ? await whole(file) : await messages.receive(box, file.chunks(), file.size);
  const { status } = await messages.append(box, {
    body,
    arrived: room.post.clock.now(),
    index: writeEntry(file),
    name: uuidOctets(file.head.envelope.uuid),
    ...more,
  });
  if (status === 'stored' || status === 'duplicate') return status;
  if (!(body instanceof Uint8Array)) await body.discard();
  throw new Refusal(status === 'full' ? '441' : '450');
}

async function whole(file: MessageFile): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of file.chunks()) chunks.push(chunk);
  return Buffer.concat(chunks, file.size);
}

/** What is kept of a delivery beside its parts. */
export function envelopeOf(room: Room, { to, from, origin, id, said, secure, via, peer }: Delivery): Envelope {
  return {
    ...said,
    uuid: id,
    from: from ?? null,
    origin,
    to: formatImid(to), // with its +name   spec: immp 2.8
    received: room.timestamp(),
    ...(secure ? { secure } : {}),
    ...(peer === undefined ? {} : { 'received-from': { domain: peer, timestamp: room.timestamp() } }),
    ...(via.length === 0 ? {} : { 'received-via': [...via] }),
  };
}

async function sendOn(room: Room, delivery: Delivery, sealed: Sealed, by: Recipient, authority: string): Promise<void> {
  const to = imid.read(by.account.forward);
  if (to === undefined) return;
  const copy = copyOf(delivery, sealed);
  try {
    if (to.domain.toLowerCase() === room.domain) {
      await admit(room, to, delivery.from, delivery.origin); // the sender may be blocked there, whatever the copy shows
      await accept(room, { ...copy, to, forwarded: true }, authority);
    } else if (!isCircle(delivery.via, room.domain)) await room.carrier?.carry(asOwn(room, copy, to, by.name));
  } catch (error) {
    // What the other mailbox does not want is no reason to refuse it here.
    if (!(error instanceof Refusal) || error.code === '451' || error.code === '700') throw error;
  }
}

/** Sealed when the mailbox has it sealed, and showing no more than that does: what goes on is not less safe than what stays. */
function copyOf(delivery: Delivery, { file, parts }: Sealed): Delivery {
  if (parts === delivery.parts) return delivery;
  const { from, subject, date } = file.head.envelope;
  const said = { ...(subject === undefined ? {} : { subject }), ...(date === undefined ? {} : { date }) };
  return { ...delivery, from: from ?? undefined, said, parts };
}

/**
 * For another domain, to which we vouch for our own users alone: it comes from whoever has it sent on, and answers go to its sender.
 * The folder that its sender or recipient asked for is not for others to see.   spec: immp 1.2, 2.6
 */
function asOwn(room: Room, delivery: Delivery, to: Imid, account: string): Delivery {
  const sender = delivery.from === undefined ? undefined : imid.read(delivery.from);
  const reply = delivery.said['reply-to'] ?? (sender && formatImid({ local: sender.local, domain: sender.domain }));
  return {
    ...delivery,
    to,
    from: account,
    sender: account,
    origin: room.domain,
    said: { ...delivery.said, ...(reply === undefined ? {} : { 'reply-to': reply }) },
    forwarded: true,
  };
}
