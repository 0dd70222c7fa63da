// Something published, on its way to some subscribers of one domain: a notification that is pushed, or a message of a mailing list
// that is delivered.   spec: immp 2.10

import { sideBySide } from '../../base/side-by-side.ts';
import { deliver, type OutgoingPart } from '../client/deliver.ts';
import { ClientError } from '../client/errors.ts';
import { push as pushOver } from '../client/push.ts';
import type { ImmpSession } from '../client/session.ts';
import { isTemporary, Refusal } from '../codes.ts';
import { accept } from '../mail/accept.ts';
import type { Delivery } from '../mail/delivery.ts';
import { ENVELOPE_NAME, ENVELOPE_TYPE } from '../mail/envelope-part.ts';
import type { Head, PartInfo } from '../mail/message.ts';
import type { Opened } from '../mail/opened.ts';
import type { Room } from '../room.ts';
import type { Spooled } from '../spool.ts';
import { accountName, type Imid, imid, node as nodeKind } from '../wire/imid.ts';
import { admitPush, takePush } from './arriving.ts';
import { PIPELINES } from './convoys.ts';
import { domainOfName, ownerOf } from './names.ts';
import type { Nodes, Subscriber } from './nodes.ts';
import type { Notification } from './notification.ts';

/** The flag of an item that is pushed; others are messages. */
export const PUSHED = 'push';

/** What became of one subscriber's copy. */
export type Fate =
  /** The subscriber has it, or does not want it. */
  | 'served'
  /** There is no such subscription any more. */
  | 'ended'
  /** Not now. */
  | 'later';

export interface Item {
  /** The node's one name. */
  readonly node: string;
  readonly from: Imid;
  readonly head: Head;
  readonly importance: 'important' | 'low' | undefined;
  /** For what is pushed; undefined for a message of a list. */
  readonly push: Notification | undefined;
  readonly octets: Opened['octets'];
}

/** Undefined when it is not kept any more. */
export async function itemOf(nodes: Nodes, node: string, uuid: string): Promise<Item | undefined> {
  const opened = await nodes.open(node, uuid);
  const from = imid.read(node);
  if (opened === undefined || from === undefined) return undefined;
  const { head, octets, message } = opened;
  const importance: Item['importance'] = message.flags.includes('important')
    ? 'important'
    : message.flags.includes('low')
      ? 'low'
      : undefined;
  const [part] = head.parts;
  const isPush = message.flags.includes(PUSHED) && part !== undefined;
  const push = isPush
    ? {
        title: head.envelope.subject,
        name: uuid, // the same for each subscriber, so that what comes twice is known
        type: part.type,
        block: Buffer.concat(await Array.fromAsync(octets(part))),
        importance,
        secure: false,
      }
    : undefined;
  return { node, from, head, importance, push, octets };
}

/** Subscribers who have accounts here. */
export function serveHere(room: Room, item: Item, subscribers: readonly Subscriber[]): Promise<Fate[]> {
  return Promise.all(
    subscribers.map(async ({ reader, id }) => {
      const to = imid.read(reader);
      if (to === undefined) return 'ended';
      try {
        if (item.push === undefined) return await deliverHere(room, item, to);
        const peer = { state: 'local', account: ownerOf(item.node) ?? '', since: 0 } as const;
        const admitted = await admitPush(room, peer, { to, from: item.from, id });
        await takePush(room, admitted, item.push);
        return 'served';
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        return fateOf(error.code);
      }
    }),
  );
}

async function deliverHere(room: Room, item: Item, to: Imid): Promise<Fate> {
  if ((await room.push.subscriptions.to(accountName(to), item.node)) === 'ended') return 'ended';
  const { head, octets, from } = item;
  const { uuid, from: _from, origin: _origin, to: _to, received: _received, secure, ...said } = head.envelope;
  const delivery: Delivery = {
    to,
    from: nodeKind.write(from),
    sender: undefined,
    origin: domainOfName(item.node),
    id: uuid,
    said,
    importance: item.importance,
    secure: secure ?? false,
    parts: head.parts.map((part) => ({ ...part, data: storedPart(part, octets) })),
    via: [],
  };
  await accept(room, delivery, item.node);
  return 'served';
}

function storedPart(part: PartInfo, octets: Opened['octets']): Spooled {
  async function* chunks() {
    yield* octets(part);
  }
  return { size: part.length, sha256: part.sha256, chunks, discard: async () => {} };
}

/** Subscribers of the domain that this conversation is with. Throws ClientError or NetError when it breaks off. */
export async function serveElsewhere(
  session: ImmpSession,
  item: Item,
  subscribers: readonly Subscriber[],
): Promise<Fate[]> {
  const { push } = item;
  if (push === undefined) {
    const fates: Fate[] = [];
    for (const { reader } of subscribers) fates.push(await fate(deliver(session, messageFor(item, imidOf(reader)))));
    return fates;
  }
  const { title, name, type, block, importance } = push;
  const { from } = item;
  const part: OutgoingPart = { name, type, size: block.length, chunks: () => [block] };
  return sideBySide(subscribers, PIPELINES, ({ reader, id }) =>
    fate(pushOver(session, { to: imidOf(reader), from, id, title, importance, block: part }, session.newPipe())),
  );
}

function messageFor({ head, octets, from, importance }: Item, to: Imid) {
  const { uuid, from: _from, origin: _origin, to: _to, received: _received, secure, ...said } = head.envelope;
  const parts = head.parts.map(
    (part): OutgoingPart => ({
      name: part.name,
      type: part.type,
      size: part.length,
      content: part.class === 'content',
      inline: part.class === 'inline',
      chunks: () => octets(part),
    }),
  );
  const words = Buffer.from(JSON.stringify(said));
  const envelope = { name: ENVELOPE_NAME, type: ENVELOPE_TYPE, size: words.length, chunks: () => [words] };
  return { to, from, id: uuid, importance, secure: secure ?? false, parts: [envelope, ...parts] };
}

function imidOf(reader: string): Imid {
  const read = imid.read(reader);
  if (read === undefined) throw new Error('a subscriber without a name');
  return read;
}

async function fate(answer: Promise<unknown>): Promise<Fate> {
  try {
    await answer;
    return 'served';
  } catch (error) {
    if (!(error instanceof ClientError) || error.reply === undefined) throw error;
    if (error.code === 'not-now') return 'later';
    return fateOf(error.reply.code);
  }
}

/** What a refusal means for the subscription.   spec: immp 2.10 */
function fateOf(code: string): Fate {
  if (code === '481' || code === '450' || code === '431') return 'ended';
  return isTemporary(code) ? 'later' : 'served';
}
