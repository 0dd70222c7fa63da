// Subscriptions, from both sides: what a user here is subscribed to, wherever the node is, and who is subscribed to nodes here.
// spec: immp 2.10

import { ClientError } from '../client/errors.ts';
import { Refusal } from '../codes.ts';
import { FarError } from '../federation/errors.ts';
import type { Room } from '../room.ts';
import { accountName, formatImid, type Imid } from '../wire/imid.ts';
import { domainOfName, isListed, ownerOf } from './names.ts';

/**
 * Subscribes `account` to a node, which hears of it under `reader`, and gives the node's title. It is written down here before it
 * is asked for, so that a push can come at once; whoever asks again has the same subscription. Throws Refusal 403, 429, 430, 451,
 * 480.
 */
export function subscribe(room: Room, account: string, node: string, asked: Asked): Promise<string> {
  return room.push.subscriptions.turns.take(`${account} ${node}`, () => begin(room, account, node, asked));
}

interface Asked {
  /** As the publisher is to know the reader: with the folder that messages go into. */
  readonly reader: Imid;
  /** The UUID of a new subscription. */
  readonly id: string;
}

async function begin(room: Room, account: string, node: string, { reader, id }: Asked): Promise<string> {
  const { subscriptions } = room.push;
  const begun = await subscriptions.begin(account, node, id, room.post.clock.now());
  try {
    const title = await ask(room, node, reader, begun.id);
    await subscriptions.confirm(account, begun.id, title);
    return title;
  } catch (error) {
    // It may be that the publisher has it: he is told that it is none. One that was confirmed before stays.
    if (begun.title === undefined) await end(room, account, node);
    throw error;
  }
}

async function ask(room: Room, node: string, reader: Imid, id: string): Promise<string> {
  const domain = domainOfName(node);
  if (domain === room.domain) return takeIn(room, node, reader, id);
  const { far } = room;
  if (far === undefined) throw new Refusal('422');
  try {
    return await far.converse(domain, async (session) => {
      const [local = ''] = node.split('@');
      const replies = await session.ask({ word: 'SUBSCRIBE TO', node: { local, domain }, reader, id });
      return (replies.at(-1)?.text ?? '').replace(/^Subscribed to: ?/, '');
    });
  } catch (error) {
    throw refusalFor(error);
  }
}

function refusalFor(error: unknown): Refusal {
  const code = error instanceof ClientError ? error.reply?.code : undefined;
  if (code === '480' || code === '430') return new Refusal(code);
  if (error instanceof FarError && error.code === 'nowhere') return new Refusal('480');
  return new Refusal('451', { cause: error });
}

/** Ends a subscription of `account`; false when there is none. The publisher hears of it as soon as he can be reached. */
export async function unsubscribe(
  room: Room,
  account: string,
  which: { readonly id?: string; readonly node?: string },
): Promise<boolean> {
  const { subscriptions } = room.push;
  const node = which.node ?? (await subscriptions.nodeOf(account, which.id ?? ''));
  return node !== undefined && subscriptions.turns.take(`${account} ${node}`, () => end(room, account, node));
}

async function end(room: Room, account: string, node: string): Promise<boolean> {
  const ended = await room.push.subscriptions.end(account, node);
  if (ended === undefined) return false;
  const domain = domainOfName(node);
  if (domain === room.domain) await room.push.nodes.unsubscribe(ended.id, domain);
  else await room.push.out.add({ kind: 'unsubscribe', domain, id: ended.id });
  return true;
}

/** Takes in a subscriber of a node here, and gives the node's title. Throws Refusal 430, 480, 409, 441. */
export async function takeIn(room: Room, node: string, reader: Imid, id: string): Promise<string> {
  const { nodes } = room.push;
  const title = await nodes.title(node);
  if (title === undefined) throw new Refusal('480');
  const owner = await room.accounts.get(ownerOf(node) ?? '');
  if (owner === undefined || isListed(owner.block, accountName(reader))) throw new Refusal(owner ? '430' : '480');
  await nodes.subscribe(node, formatImid(reader), id);
  return title;
}
