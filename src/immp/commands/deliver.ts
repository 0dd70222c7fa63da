// DELIVER, DATA, DONE and RESET: a message for one recipient, part by part.   spec: immp 2.8

import { uuidFrom } from '../auth/secrets.ts';
import { readBlock } from '../block.ts';
import { Refusal } from '../codes.ts';
import { readOuter, SEALED_TYPE } from '../federation/sealed.ts';
import { isCircle, readTrace } from '../federation/trace.ts';
import { accept, admit } from '../mail/accept.ts';
import type { Delivery } from '../mail/delivery.ts';
import { ENVELOPE_LIMIT, ENVELOPE_NAME, ENVELOPE_TYPE, readEnvelopePart } from '../mail/envelope-part.ts';
import type { Part } from '../mail/message.ts';
import { nodeName, ownerOf } from '../push/names.ts';
import { listFor, post } from '../push/publishing.ts';
import type { Answers, OpenMessage, SealedDraft, Session } from '../session.ts';
import { spool } from '../spool.ts';
import type { CommandOf } from '../wire/forms.ts';
import { accountName, formatImid, type Imid, type NodeName, node } from '../wire/imid.ts';
import { delivered, queued } from '../wire/texts.ts';
import type { Handler } from './command.ts';
import { keepDraft } from './mbox-store.ts';
import { onlySwitches } from './switches.ts';

const MAX_PARTS = 200;
/** Octets of all names and types together: they lie in the index of the mailbox. */
const MAX_LABELS = 24 * 1024;
const MAX_NAME = 255;
/** Octets for the envelope in front of the parts, as far as size and quota are looked at beforehand. */
const ENVELOPE_ROOM = 1024;

export const deliver: Handler<'DELIVER'> = async (command, answers) => {
  const { session, room } = answers;
  const { to, switches, subject } = command;
  onlySwitches(switches, ['+IMPORTANT', '-IMPORTANT', '+MULTIPART', '+SECURE', '-FROM']);
  if (session.open !== undefined) throw new Refusal('409');
  const subscription = await subscriptionFor(command, answers);
  if (subscription === 'ended') throw new Refusal('481');
  // What is subscribed to is counted for its reader, or a large list would be too much for a domain.
  if (!room.mayDeliver(subscription ? `#${subscription.id}` : authorityOf(session))) throw new Refusal('429');
  if (typeof to === 'string') return openSealedDelivery(to, command, answers);
  const from = await senderOf(command, answers);
  const origin = session.peer.state === 'remote' ? session.peer.domain : room.domain;
  const local = to.domain.toLowerCase() === room.domain;
  if (local) await admitHere(to, from, origin, answers);
  else if (room.carrier === undefined || !mayPass(to.domain, answers)) throw new Refusal('422');
  session.open = {
    draft: {
      to,
      from,
      sender: session.peer.state === 'local' ? session.peer.account : undefined,
      origin,
      ...(session.peer.state === 'remote' ? { peer: session.peer.domain } : {}),
      ...labelsOf(command, room),
      via: [],
    },
    multipart: switches.includes('+MULTIPART'),
    subject,
    parts: [],
  };
  await answers.send('270', 'Ok, ready to deliver. Give me your DATA.');
};

/** A mailbox, or a mailing list that the sender may write to. Throws Refusal 430 or 450. */
async function admitHere(to: Imid, from: string | undefined, origin: string, { room }: Answers): Promise<void> {
  if ((await listFor(room, to, from)) === undefined) await admit(room, to, from, origin);
}

/** What the recipient here has to do with the list that a message comes from.   spec: immp 2.10 */
async function subscriptionFor({ to, from }: CommandOf<'DELIVER'>, { session, room }: Answers) {
  if (session.peer.state !== 'remote' || from === undefined || typeof to === 'string') return undefined;
  const list = nodeName(from);
  return ownerOf(list) === undefined ? undefined : room.push.subscriptions.to(accountName(to), list);
}

/** Sealed by one server for another, whoever carries it: users leave that to their server.   spec: immp 2.8 */
async function openSealedDelivery(to: string, command: CommandOf<'DELIVER'>, answers: Answers): Promise<void> {
  const { session, room } = answers;
  const { switches, from, subject } = command;
  const { peer } = session;
  if (peer.state !== 'remote') throw new Refusal('403', { text: 'Not allowed: users name a recipient' });
  if (from !== undefined || subject !== undefined || switches.includes('-FROM')) throw new Refusal('406');
  const sealedFor = to.toLowerCase();
  if (room.carrier === undefined || (sealedFor !== room.domain && !mayPass(to, answers))) throw new Refusal('422');
  session.open = {
    draft: { sealedFor, peer: peer.domain, ...labelsOf(command, room) },
    multipart: true,
    subject: undefined,
    parts: [],
  };
  await answers.send('270', 'Ok, ready to deliver. Give me your DATA.');
}

function labelsOf({ id, switches }: CommandOf<'DELIVER'>, { post }: Answers['room']) {
  return {
    id: id ?? uuidFrom(post.random.bytes(16)),
    importance: switches.includes('+IMPORTANT') ? 'important' : switches.includes('-IMPORTANT') ? 'low' : undefined,
    secure: switches.includes('+SECURE'),
  } as const;
}

export const data: Handler<'DATA'> = async (command, answers) => {
  const { session, room } = answers;
  const open = session.open;
  if (open === undefined) throw new Refusal('470');
  const { length } = command;
  const part = partOf(command, open);
  const taken = open.parts.reduce((sum, { data }) => sum + data.size, ENVELOPE_ROOM);
  const most = part.isEnvelope ? ENVELOPE_LIMIT : Math.max(0, room.settings.message_size - taken);
  if (length !== undefined && length > most) throw new Refusal('413');
  if (length !== undefined) await mayHold(answers, open, taken + length);
  await answers.send('271', `${part.name} Saving ${part.class === 'content' ? 'content ' : ''}part`);

  const base64 = command.switches.includes('+BASE64');
  const form = { base64, ...(length === undefined ? {} : { length }) };
  const block = readBlock(session.connection, form, room.post.clock, room.settings.block_time);
  const spooled = await spool(block, most, room.spool);
  if (spooled === undefined) throw new Refusal('413'); // the delivery stays open without this part
  if (part.isEnvelope) {
    const octets: Buffer[] = [];
    for await (const chunk of spooled.chunks()) octets.push(chunk);
    await spooled.discard();
    open.envelope = Buffer.concat(octets);
  } else {
    open.parts.push({ class: part.class, type: part.type, name: part.name, data: spooled });
  }
  await answers.send('272', `${part.name} Part saved`);
};

export const done: Handler<'DONE'> = async (_command, answers) => {
  const { session } = answers;
  const open = session.open;
  if (open === undefined) throw new Refusal('470');
  try {
    if (!open.parts.some((part) => part.class === 'content')) throw new Refusal('472');
    if ('mailbox' in open.draft) await keepDraft(open.draft, open, answers);
    else if ('sealedFor' in open.draft) await finishSealed(open.draft, open, answers);
    else await finish(deliveryOf(open, open.draft, answers), answers);
  } finally {
    await session.dropOpen(); // whatever the answer, the delivery is closed
  }
};

export const reset: Handler<'RESET'> = async (_command, answers) => {
  await answers.session.dropOpen();
  await answers.send('200', 'Ok');
};

async function finish(delivery: Delivery, answers: Answers): Promise<void> {
  const { session, room } = answers;
  const { domain } = delivery.to;
  if (isCircle(delivery.via, room.domain)) throw new Refusal('422');
  if (domain.toLowerCase() === room.domain) {
    const list = await listFor(room, delivery.to, delivery.from);
    if (list !== undefined) {
      return answers.send('284', `Published to ${await post(room, list, delivery)} subscribers`);
    }
    await accept(room, delivery, delivery.peer === undefined ? authorityOf(session) : `@${delivery.origin}`);
    await answers.send('273', delivered.write(delivery.id));
  } else {
    if (room.carrier === undefined) throw new Refusal('422');
    await room.carrier.carry(delivery);
    await answers.send('274', queued.write(delivery.id, domain));
  }
}

/** Exactly the two parts that a sealed message has, and then whatever is done with such. */
async function finishSealed(draft: SealedDraft, { parts, envelope }: OpenMessage, answers: Answers): Promise<void> {
  const [part, ...others] = parts;
  const outer = envelope && readOuter(envelope);
  if (!envelope || !outer || part?.type.toLowerCase() !== SEALED_TYPE || others.length > 0) throw new Refusal('471');
  if (outer.destination !== draft.sealedFor) throw new Refusal('403');
  const { via } = readTrace(envelope);
  if (isCircle(via, answers.room.domain)) throw new Refusal('422');
  const { peer, id, importance, secure } = draft;
  const arrival = { peer, id, importance, secure, outer, envelope, sealed: part.data, via };
  const fate = await answers.room.carrier?.takeSealed(arrival);
  if (fate === 'delivered') await answers.send('273', delivered.write(draft.id));
  else await answers.send('274', queued.write(draft.id, draft.sealedFor));
}

function deliveryOf(open: OpenMessage, draft: Omit<Delivery, 'parts' | 'said'>, { room }: Answers): Delivery {
  const said = open.envelope ? readEnvelopePart(open.envelope, draft.from) : {};
  return {
    ...draft,
    ...(draft.peer === undefined ? {} : originOf(open, draft, draft.peer, room.settings.trusted_proxies)),
    said: { ...said, ...(open.subject === undefined ? {} : { subject: open.subject }) },
    parts: open.parts,
  };
}

/** Where it comes from, and through whom: a trusted proxy is believed whose mail it passes on.   spec: immp 2.6, 2.8 */
function originOf(open: OpenMessage, { from }: Pick<Delivery, 'from'>, peer: string, trusted: readonly string[]) {
  const { origin, via } = readTrace(open.envelope);
  const named = from === undefined ? undefined : node.read(from)?.domain.toLowerCase();
  return { via, origin: trusted.includes(peer) ? (named ?? origin ?? peer) : peer };
}

/** Users may write to any domain; other servers to the domains that this one passes mail on for. */
function mayPass(domain: string, { session, room }: Answers): boolean {
  return session.peer.state === 'local' || room.settings.relay_for.includes(domain.toLowerCase());
}

/** Whose ids are unique: the account's, or the other domain's. */
function authorityOf({ peer }: Session): string {
  return peer.state === 'local' ? peer.account : peer.state === 'remote' ? `@${peer.domain}` : '';
}

/** The sender that is named, if one is. Throws Refusal 403 for one who is not the peer's to name. */
async function senderOf(
  { from, switches }: CommandOf<'DELIVER'>,
  { session, room }: Answers,
): Promise<string | undefined> {
  if (session.peer.state === 'remote') {
    if (switches.includes('-FROM')) throw new Refusal('406');
    if (from !== undefined && !mayName(from.domain, session.peer.domain, room)) throw new Refusal('403');
    return from && formatImid(from);
  }
  const account = session.account;
  if (switches.includes('-FROM')) {
    if (from !== undefined) throw new Refusal('406');
    if (!room.settings.anonymous_senders) throw new Refusal('403');
    return undefined;
  }
  if (from === undefined) return account;
  if (!(await maySendAs(from, account, room))) throw new Refusal('403');
  return formatImid(from);
}

/** Another domain names its own users, a trusted proxy those of others; nobody ours. */
function mayName(domain: string, peer: string, { domain: ours, settings }: Answers['room']): boolean {
  const name = domain.toLowerCase();
  return name === peer || (name !== ours && settings.trusted_proxies.includes(peer));
}

/** The account, what is below it, and the mailboxes that it may use. */
async function maySendAs(from: NodeName, account: string, room: Answers['room']): Promise<boolean> {
  const name = accountName(from);
  const [local = '', domain = ''] = account.split('@');
  const [fromLocal = '', fromDomain = ''] = name.split('@');
  if (fromDomain === domain && fromLocal.startsWith(`${local}/`)) return true;
  return room.accounts.mayUse(account, name);
}

interface PartLabel {
  readonly name: string;
  readonly type: string;
  readonly class: Part['class'];
  readonly isEnvelope: boolean;
}

/** What the part will be called. Throws Refusal 406, 409 or 413. */
function partOf({ name, type, length, switches }: CommandOf<'DATA'>, open: OpenMessage): PartLabel {
  onlySwitches(switches, ['+BASE64', '+CONTENT', '+INLINE']);
  const isText = type === undefined || /^text\//i.test(type);
  // Without a length the end of binary data could not be told.
  if (length === undefined && !switches.includes('+BASE64') && !isText) throw new Refusal('406');
  const isEnvelope = name === ENVELOPE_NAME && type?.toLowerCase() === ENVELOPE_TYPE;
  const called = name ?? `part${open.parts.length + 1}`;
  if (Buffer.byteLength(called) > MAX_NAME || /[/\\\p{Cc}]/u.test(called) || called === '') throw new Refusal('406');
  const taken = open.parts.some((part) => part.name === called) || (isEnvelope && open.envelope !== undefined);
  if (taken || (!open.multipart && !isEnvelope && open.parts.length > 0)) throw new Refusal('409');
  const content = switches.includes('+CONTENT') || !open.multipart;
  // Neither length nor base64: a text, as only texts may come so.
  const byDefault =
    content || (length === undefined && !switches.includes('+BASE64')) ? 'text/plain' : 'application/octet-stream';
  const label = type ?? byDefault;
  const labels = open.parts.reduce((sum, part) => sum + Buffer.byteLength(part.name + part.type), 0);
  const full = open.parts.length >= MAX_PARTS || labels + Buffer.byteLength(called + label) > MAX_LABELS;
  if (full && !isEnvelope) throw new Refusal('413');
  return {
    name: called,
    type: label,
    class: content ? 'content' : switches.includes('+INLINE') ? 'inline' : 'attachment',
    isEnvelope,
  };
}

/** Throws Refusal 441 when the mailbox has no room for `size` octets. It is looked at again when the message is stored. */
async function mayHold({ room }: Answers, { draft }: OpenMessage, size: number): Promise<void> {
  if ('sealedFor' in draft) return;
  const local = 'mailbox' in draft || draft.to.domain.toLowerCase() === room.domain;
  const name = 'mailbox' in draft ? draft.mailbox : local ? (await room.accounts.recipient(draft.to))?.name : undefined;
  const mailbox = name && (await room.accounts.mailbox(name));
  if (!mailbox) return;
  const { used, quota } = mailbox;
  if (used.bytes + size > quota.bytes || used.messages >= quota.messages) throw new Refusal('441');
}
