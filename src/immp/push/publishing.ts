// Publishing: an item is stored at its node and one job is written down, and then the publisher may go.   spec: immp 2.10

import { uuidFrom } from '../auth/secrets.ts';
import { Refusal } from '../codes.ts';
import type { Delivery } from '../mail/delivery.ts';
import { messageFile } from '../mail/message.ts';
import type { Room } from '../room.ts';
import { spooled } from '../spool.ts';
import { accountName, type Imid } from '../wire/imid.ts';
import { PUSHED } from './item.ts';
import { isListed, nodeName, ownerOf } from './names.ts';
import type { Notification } from './notification.ts';

/** How many subscribers it goes to. Throws Refusal 441 or 480. */
export async function publish(room: Room, node: string, { title, ...push }: Notification): Promise<number> {
  const uuid = uuidFrom(room.post.random.bytes(16));
  const envelope = {
    uuid,
    from: node,
    origin: room.domain,
    to: node,
    received: room.timestamp(),
    ...(title === undefined ? {} : { subject: title }),
  };
  const part = { class: 'content', type: push.type, name: 'text', data: spooled(push.block) } as const;
  const flags = [PUSHED, ...(push.importance === undefined ? [] : [push.importance])];
  await room.push.nodes.add(node, messageFile(envelope, [part]), flags);
  return spread(room, node, uuid);
}

/**
 * The node that a delivery is for: a mailing list, whose owner and whom the owner admits may write to it. Undefined when there is
 * none of that name, or a mailbox. Throws Refusal 430 for others.
 */
export async function listFor(room: Room, to: Imid, from: string | undefined): Promise<string | undefined> {
  const name = accountName(to);
  const owner = ownerOf(name);
  if (owner === undefined || to.domain.toLowerCase() !== room.domain) return undefined;
  if ((await room.accounts.get(name)) !== undefined) return undefined; // mailboxes are looked up first
  if ((await room.push.nodes.title(name)) === undefined) return undefined;
  const account = await room.accounts.get(owner);
  const poster = from === undefined ? undefined : from.replace(/\+[^@]*@/, '@').toLowerCase();
  const may = poster !== undefined && (poster === owner || isListed(account?.posters ?? [], poster));
  if (!may) throw new Refusal('430');
  return name;
}

/** Repeats a message to the subscribers of a list; to how many of them. Throws Refusal 441 or 480. */
export async function post(room: Room, list: string, delivery: Delivery): Promise<number> {
  const { from, id, said, importance, secure, parts } = delivery;
  const envelope = {
    ...said,
    // Subscribers see the list as the sender; answers go to whoever wrote it.
    ...(said['reply-to'] === undefined && from !== undefined ? { 'reply-to': from } : {}),
    uuid: id,
    from: list,
    origin: room.domain,
    to: list,
    received: room.timestamp(),
    ...(secure ? { secure } : {}),
  };
  await room.push.nodes.add(list, messageFile(envelope, parts), importance === undefined ? [] : [importance]);
  return spread(room, list, id);
}

async function spread(room: Room, node: string, item: string): Promise<number> {
  const count = await room.push.nodes.count(node);
  if (count > 0) await room.push.out.add({ kind: 'spread', node, item });
  return count;
}

/** The node of an account here by its one name. Throws Refusal 403 when it is another's. */
export function ownNode(room: Room, account: string, node: Parameters<typeof nodeName>[0]): string {
  const name = nodeName(node);
  if (ownerOf(name) !== account || node.domain.toLowerCase() !== room.domain) throw new Refusal('403');
  return name;
}
