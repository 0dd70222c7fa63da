// Pushes for mailboxes here: who may leave one, what is held until its user has approved the source.   spec: immp 2.10, 2.11

import { hash } from 'node:crypto';
import * as z from 'zod';
import { DAY } from '../../base/time.ts';
import { idOf, type Recipient } from '../accounts.ts';
import { uuidFrom } from '../auth/secrets.ts';
import { Refusal } from '../codes.ts';
import { store } from '../mail/accept.ts';
import { messageFile, readEntry } from '../mail/message.ts';
import type { Room } from '../room.ts';
import type { Peer } from '../session.ts';
import { spooled } from '../spool.ts';
import { uuidOctets } from '../watching.ts';
import { formatImid, type Imid, type NodeName, node as nodeKind } from '../wire/imid.ts';
import { uuid as uuidKind } from '../wire/kind.ts';
import { changeDocument, readDocument } from './document.ts';
import { domainOfName, isListed, nodeName, ownerOf } from './names.ts';
import type { Notification } from './notification.ts';
import { Subscriptions } from './subscriptions.ts';

/** Where notifications lie: never in the inbox.   spec: immp 2.9 */
export const PUSH_FOLDER = 'push';
const PENDING = 'pending';
/** spec: immp 2.10 */
const MAX_HELD = 50;
const MAX_HELD_FROM_SOURCE = 5;
/** Held pushes whose source and time are remembered. */
const MAX_REMEMBERED = 500;
/** The same push again within this time is not stored twice. */
const DUPLICATES = 7 * DAY;
const HELD = 'held-pushes';

const heldShape = z.object({
  held: z.array(z.object({ uuid: z.string(), authority: z.string(), at: z.int() })).default([]),
});

export interface PushAddress {
  readonly to: Imid;
  readonly from: NodeName;
  /** The subscription that it is for. */
  readonly id?: string | undefined;
}

/** Somebody who may leave a push. */
export interface Admitted extends PushAddress {
  /** The account's name. */
  readonly mailbox: string;
  readonly pending: boolean;
  /** Whose pushes these are: the node, and who vouches for it. */
  readonly authority: string;
}

/**
 * Looks at a push before its block is granted. Throws Refusal: 403, 422, 429, 430, 450, and in state 2 nothing but 431, 481, 429
 * and 430, so that a stranger does not learn who has an account.   spec: immp 2.10
 */
export async function admitPush(room: Room, peer: Peer, address: PushAddress): Promise<Admitted> {
  const { to, from, id } = address;
  const source = nodeName(from);
  const authority = authorityOf(peer);
  const stranger = authority === undefined;
  if (to.domain.toLowerCase() !== room.domain) throw new Refusal(stranger ? '431' : '422');
  if (peer.state === 'remote' && domainOfName(source) !== peer.domain) throw new Refusal('403');
  const recipient = await room.accounts.recipient(to);
  if (recipient === undefined) throw new Refusal(stranger ? '431' : '450');
  const known = { ...address, mailbox: recipient.name, authority: authority ?? `@${domainOfName(source)}` };
  if (id !== undefined) {
    const standing = await new Subscriptions(room.post).standing(recipient.name, { id, node: source });
    if (standing === 'live') {
      if (isBlocked(room, recipient, source)) throw new Refusal('430');
      if (!room.mayDeliver(`#${id}`)) throw new Refusal('429');
      return { ...known, pending: false };
    }
    throw new Refusal(stranger && standing === 'none' ? '431' : '481');
  }
  if (stranger) throw new Refusal('431');
  if (isBlocked(room, recipient, source)) throw new Refusal('430');
  if (!room.mayDeliver(authority)) throw new Refusal('429');
  const own = peer.state === 'local' && peer.account === recipient.name;
  if (own || isListed(recipient.account.approve, source)) return { ...known, pending: false };
  if (!hasRoom(await heldOf(room, recipient.name), authority, room.post.clock.now())) throw tooMany();
  return { ...known, pending: true };
}

function isBlocked(room: Room, { account }: Recipient, source: string): boolean {
  return isListed([...account.block, ...room.settings.blocked.split(/\s+/)], source);
}

/** Undefined for a peer who has not shown who it is. */
function authorityOf(peer: Peer): string | undefined {
  if (peer.state === 'local') return peer.account;
  return peer.state === 'remote' ? `@${peer.domain}` : undefined;
}

/** Stores it, durable when this resolves, and gives its UUID. Throws Refusal 441 or 450. */
export async function takePush(room: Room, admitted: Admitted, { name, ...push }: Notification): Promise<string> {
  const { mailbox, pending, authority, to, from, id } = admitted;
  // A block whose name is a UUID is that push and no other, however often it comes.
  const marked = name === undefined ? undefined : uuidKind.read(name);
  const uuid = marked ?? uuidFrom(room.post.random.bytes(16));
  if (pending) await hold(room, mailbox, { uuid, authority, at: room.post.clock.now() });
  const file = messageFile(
    {
      uuid,
      from: formatImid(from),
      origin: domainOfName(nodeName(from)),
      to: formatImid({ local: to.local, domain: to.domain }),
      received: room.timestamp(),
      ...(push.title === undefined ? {} : { subject: push.title }),
      ...(push.secure ? { secure: true } : {}),
    },
    [{ class: 'content', type: push.type, name: name ?? 'part1', data: spooled(push.block) }],
  );
  const key = hash('sha256', ['push', authority, nodeName(from), id ?? '', uuid].join('\0'), 'buffer');
  const outcome = await store(room, mailbox, file, {
    folder: PUSH_FOLDER,
    flags: [...(push.importance === undefined ? [] : [push.importance]), ...(pending ? [PENDING] : [])],
    ...(marked === undefined ? {} : { once: { key, until: room.post.clock.now() + DUPLICATES } }),
  });
  room.count('(push)', outcome === 'duplicate' ? outcome : pending ? 'held' : 'delivered');
  return uuid;
}

/** Lets out what waits from sources that are approved now.   spec: immp 2.10 */
export async function release(room: Room, account: string): Promise<void> {
  const { messages } = room.post.store;
  const approved = (await room.accounts.get(account))?.approve ?? [];
  const { held } = await readDocument(room.post.store, idOf(account), HELD, heldShape);
  for (const { uuid } of held) {
    for (const message of await messages.named(idOf(account), uuidOctets(uuid))) {
      const from = nodeKind.read(readEntry(message.index).envelope.from ?? '');
      if (from === undefined || !message.flags.includes(PENDING) || !isListed(approved, nodeName(from))) continue;
      await messages.flag(idOf(account), message.id, { remove: [PENDING] });
    }
  }
}

interface Held {
  readonly held: z.infer<typeof heldShape>['held'];
  /** Those of them that wait no more. */
  readonly settled: ReadonlySet<string>;
}

async function heldOf(room: Room, account: string): Promise<Held> {
  const { held } = await readDocument(room.post.store, idOf(account), HELD, heldShape);
  if (held.length < MAX_HELD) return { held, settled: new Set() };
  const waits = await Promise.all(held.map(({ uuid }) => isPending(room, account, uuid)));
  return { held, settled: new Set(held.flatMap(({ uuid }, at) => (waits[at] ? [] : [uuid]))) };
}

function hasRoom({ held, settled }: Held, authority: string, now: number): boolean {
  const today = held.filter((each) => each.authority === authority && each.at > now - DAY);
  return today.length < MAX_HELD_FROM_SOURCE && held.filter(({ uuid }) => !settled.has(uuid)).length < MAX_HELD;
}

/** Writes down that one more is held, and forgets those that are not any more. Throws Refusal 429. */
async function hold(room: Room, account: string, one: Held['held'][number]): Promise<void> {
  const { settled } = await heldOf(room, account);
  await changeDocument(room.post.store, idOf(account), HELD, heldShape, ({ held }) => {
    const left = held.filter(({ uuid, at }) => uuid !== one.uuid && (at > one.at - DAY || !settled.has(uuid)));
    if (left.length >= MAX_REMEMBERED || !hasRoom({ held: left, settled }, one.authority, one.at)) throw tooMany();
    return [{ held: [...left, one] }, undefined];
  });
}

function tooMany(): Refusal {
  return new Refusal('429', { text: 'Too many, slow down: too much waits for approval' });
}

async function isPending({ post }: Room, account: string, uuid: string): Promise<boolean> {
  const named = await post.store.messages.named(idOf(account), uuidOctets(uuid));
  return named.some(({ flags }) => flags.includes(PENDING));
}

/** A user's own sources: the account itself and the nodes below it.   spec: immp 2.10 */
export function isOwn(source: string, account: string): boolean {
  return source === account || ownerOf(source) === account;
}
