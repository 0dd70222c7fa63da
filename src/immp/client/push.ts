// Pushes, published nodes and subscriptions from the client's side, and the keys of others.   spec: immp 2.10, 2.11

import type { CommandOf } from '../wire/forms.ts';
import { formatImid, type Imid, type NodeName, node as nodeKind } from '../wire/imid.ts';
import { parameter } from '../wire/kind.ts';
import type { Reply } from '../wire/reply.ts';
import { counted, type OutgoingPart } from './deliver.ts';
import { ClientError } from './errors.ts';
import { isRefusal } from './exchange.ts';
import type { ImmpSession } from './session.ts';

export interface OutgoingPush {
  readonly to: Imid;
  /** A node of the sender's. */
  readonly from: NodeName;
  readonly title?: string | undefined;
  /** The subscription that it is for. */
  readonly id?: string | undefined;
  readonly importance?: 'important' | 'low' | undefined;
  readonly secure?: boolean;
  readonly block: OutgoingPart;
}

export type Pushed = 'delivered' | 'held' | 'queued';

const FATES: Readonly<Record<string, Pushed>> = { '274': 'queued', '275': 'delivered', '276': 'held' };

/** `pipe`: others may be under way beside it, and answered before it. */
export async function push(session: ImmpSession, outgoing: OutgoingPush, pipe?: string): Promise<Pushed> {
  const { to, from, title, id, importance, secure, block } = outgoing;
  const command: CommandOf<'PUSH'> = {
    word: 'PUSH',
    to,
    from,
    switches: [...importanceSwitch(importance), ...(secure ? ['+SECURE'] : [])],
    ...(title === undefined ? {} : { title }),
    ...(id === undefined ? {} : { id }),
  };
  const reply = await withBlock(session, block, command, pipe);
  const fate = FATES[reply.code];
  if (fate === undefined) throw unclear(reply);
  return fate;
}

/** Publishes to a node of one's own; to how many subscribers it goes. `create`: the node is made when it is not there. */
export async function publish(
  session: ImmpSession,
  node: NodeName,
  block: OutgoingPart,
  options: { readonly title?: string; readonly create?: boolean; readonly importance?: 'important' | 'low' } = {},
): Promise<number> {
  const { title, create, importance } = options;
  const reply = await withBlock(session, block, {
    word: 'PUBLISH TO',
    node,
    switches: [...(create ? ['+CREATE'] : []), ...importanceSwitch(importance)],
    ...(title === undefined ? {} : { title }),
  });
  const count = /^Published to ([0-9]{1,9}) subscribers/.exec(reply.text)?.[1];
  if (reply.code !== '284' || count === undefined) throw unclear(reply);
  return Number(count);
}

/** Whom a subscription is for, by what name, with the UUID that it is known by; the server chooses both when it is not said. */
export interface Subscriber {
  readonly reader: Imid;
  readonly id: string;
}

/** Gives the title, as the server says it. */
export async function subscribe(session: ImmpSession, node: NodeName, subscriber?: Subscriber): Promise<string> {
  const reply = last(await session.ask({ word: 'SUBSCRIBE TO', node, ...subscriber }));
  if (reply.code !== '280') throw unclear(reply);
  return reply.text.replace(/^Subscribed to: ?/, '');
}

export interface Subscription {
  readonly id: string;
  /** As the server writes it. */
  readonly node: string;
  readonly title: string;
}

export async function subscriptions(session: ImmpSession): Promise<Subscription[]> {
  const replies = await session.ask({ word: 'SUBSCRIBE LIST', switches: ['+FULL'] });
  return replies.slice(0, -1).map((reply) => {
    const [, id, node, title = '""'] = /^(\S+) (\S+)(?: (".*"))?$/u.exec(reply.text) ?? [];
    if (reply.code !== '281' || id === undefined || node === undefined) throw unclear(reply);
    return { id, node, title: parameter.read(title) ?? '' };
  });
}

/** A node, or the UUID of a subscription. */
export async function unsubscribe(session: ImmpSession, what: NodeName | string): Promise<void> {
  await session.ask({ word: 'UNSUBSCRIBE', ...(typeof what === 'string' ? { id: what } : { node: what }) });
}

/** The armoured OpenPGP key of a domain or an account, and what the server says of it. Throws ClientError `refused`. */
export async function keyOf(
  session: ImmpSession,
  of: Imid | string,
): Promise<{ readonly armour: string; readonly line: string }> {
  const replies = await session.ask({ word: 'KEY REQUEST', of });
  const lines = replies.filter(({ code }) => code === '291').map(({ text }) => text);
  return { armour: `${lines.slice(0, -1).join('\n')}\n`, line: replies[0]?.text ?? '' };
}

/** A node in any of its spellings. Throws ClientError `address`. */
export function readNode(text: string): NodeName {
  let read: NodeName | undefined;
  try {
    read = nodeKind.read(text);
  } catch (cause) {
    throw new ClientError('address', `${text} is longer than a name may be`, { cause });
  }
  if (read !== undefined && (read.path !== undefined || read.local.includes('/'))) return read;
  throw new ClientError('address', `${read ? formatImid(read) : text} is no node`, {
    remedy: 'it looks like newsletter/updates@website.com',
  });
}

async function withBlock(
  session: ImmpSession,
  { name, type, size, chunks }: OutgoingPart,
  command: CommandOf<'PUSH'> | CommandOf<'PUBLISH TO'>,
  pipe?: string,
): Promise<Reply> {
  const label = { ...(name === undefined ? {} : { name }), ...(type === undefined ? {} : { type }), length: size };
  const sending = { command: { ...command, ...label }, block: counted(chunks, size) };
  const [exchange] = await session.send([{ ...sending, ...(pipe === undefined ? {} : { pipe }) }]);
  if (exchange === undefined) throw new Error('a line without commands');
  return last(await exchange.all());
}

function last(replies: readonly [...Reply[], Reply]): Reply {
  const reply = replies.at(-1);
  if (reply === undefined || isRefusal(reply)) throw new Error('a reply without an end');
  return reply;
}

function importanceSwitch(importance: 'important' | 'low' | undefined): string[] {
  return importance === undefined ? [] : [importance === 'important' ? '+IMPORTANT' : '-IMPORTANT'];
}

function unclear(reply: Reply): ClientError {
  return new ClientError('protocol', 'the server answers in a way that IMMP does not have', { reply });
}
