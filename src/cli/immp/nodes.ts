// `postern immp push`, `publish`, `node`, `subscribe`, `subscriptions`, `unsubscribe` and `key`.

import { text as textOf } from 'node:stream/consumers';
import { systemRandom } from '../../base/random.ts';
import { uuidFrom } from '../../immp/auth/secrets.ts';
import { ACTION_TYPE } from '../../immp/client/actions.ts';
import { readAddress } from '../../immp/client/home.ts';
import * as client from '../../immp/client/push.ts';
import { accountName, canonicalNode, formatImid, place } from '../../immp/wire/imid.ts';
import { uuid as uuidKind } from '../../immp/wire/kind.ts';
import { agreed } from '../ask-person.ts';
import { UsageError, type YesOption } from '../command.ts';
import { facts, harmless, print, printJson, table } from '../output.ts';
import { advised, asUser, type UserOptions } from './client.ts';
import { harmlessWord, textPart } from './sending.ts';

interface TextOptions extends UserOptions {
  readonly title?: string;
  readonly markdown?: boolean;
  readonly importance: 'important' | 'normal' | 'low';
}

interface PushOptions extends TextOptions {
  readonly from: string;
  readonly id?: string;
  readonly action: readonly string[];
  readonly secure?: boolean;
}

const FATES: Readonly<Record<client.Pushed, string>> = {
  delivered: 'delivered',
  held: 'held until it is approved',
  queued: 'on its way',
};

export async function push(imid: string, given: string | undefined, options: PushOptions): Promise<void> {
  const to = readAddress(imid);
  const from = client.readNode(options.from);
  const id = options.id === undefined ? undefined : (uuidKind.read(options.id) ?? noUuid(options.id));
  const text = given ?? (await textOf(process.stdin));
  const actions = options.action.map(readAction);
  const block =
    actions.length === 0
      ? textPart('text', typeOf(options), text)
      : textPart('actions', ACTION_TYPE, JSON.stringify({ text, actions }));
  const fate = await asUser(options, (session) =>
    client.push(session, {
      to,
      from,
      id,
      title: options.title && harmlessWord(options.title),
      importance: options.importance === 'normal' ? undefined : options.importance,
      secure: options.secure === true,
      block,
    }),
  );
  if (options.json) printJson({ to: formatImid(to), from: formatImid(from), state: fate });
  else print(`${formatImid(to)}: ${FATES[fate]}`);
}

function readAction(text: string): { label: string; url: string } {
  const [, label = '', url = ''] = /^([^=]+)=(https:\/\/\S+)$/.exec(text) ?? [];
  if (label === '') throw new UsageError(`${text} is no action`, 'write it as Confirm=https://example.org/confirm');
  return { label, url };
}

export async function publish(
  name: string,
  given: string | undefined,
  options: TextOptions & { readonly create?: boolean },
): Promise<void> {
  const node = client.readNode(name);
  const text = given ?? (await textOf(process.stdin));
  const { title, create, importance } = options;
  const count = await asUser(options, (session) =>
    client.publish(session, node, textPart('text', typeOf(options), text), {
      ...(title === undefined ? {} : { title: harmlessWord(title) }),
      ...(create ? { create } : {}),
      ...(importance === 'normal' ? {} : { importance }),
    }),
  );
  if (options.json) printJson({ node: formatImid(node), subscribers: count });
  else print(`published to ${count} ${count === 1 ? 'subscriber' : 'subscribers'}`);
}

export async function createNode(name: string, title: string, options: UserOptions): Promise<void> {
  const node = client.readNode(name);
  await asUser(options, (session) => session.ask({ word: 'PUBLISH NODE', node, title: harmlessWord(title) }));
  if (options.json) printJson({ node: formatImid(node), title });
  else print(`${formatImid(node)} is published as "${title}"`);
}

export async function removeNode(name: string, options: UserOptions & YesOption): Promise<void> {
  const node = client.readNode(name);
  await agreed(`Remove ${formatImid(node)} with all its subscriptions?`, options.yes);
  await asUser(options, (session) => session.ask({ word: 'PUBLISH REMOVE', node }));
  if (options.json) printJson({ node: formatImid(node), removed: true });
  else print(`${formatImid(node)} is no more`);
}

export async function subscribe(name: string, options: UserOptions & { readonly folder?: string }): Promise<void> {
  const node = client.readNode(name);
  const { folder } = options;
  const title = await asUser(options, (session, { imid }) => {
    if (folder === undefined) return client.subscribe(session, node);
    // The folder stands in the address that the publisher is given.   spec: immp 2.10
    const { local, domain } = imid;
    const reader = readAddress(
      formatImid({ local, tag: folder.replace(/^\/?inbox\//i, '').replaceAll('/', '.'), domain }),
    );
    return client.subscribe(session, node, { reader, id: uuidFrom(systemRandom.bytes(16)) });
  });
  if (options.json) printJson({ node: formatImid(node), title });
  else print(`subscribed to ${formatImid(node)}: ${harmless(title)}`);
}

/** The overview of the draft: UUID, publisher, node, title.   spec: immp 2.10 */
export async function list(options: UserOptions): Promise<void> {
  const found = await asUser(options, (session) => client.subscriptions(session));
  const rows = found.map(({ id, node, title }) => ({ id, ...partsOf(node), title }));
  if (options.json) return printJson(rows);
  if (rows.length === 0) return print('there are no subscriptions');
  print(
    table(
      ['UUID', 'IMID', 'node', 'title'],
      rows.map(({ id, imid, node, title }) => [id, imid, node, title]),
    ),
  );
}

function partsOf(text: string): { readonly imid: string; readonly node: string } {
  try {
    const { local, domain } = canonicalNode(client.readNode(text));
    return { imid: accountName({ local: local.split('/').slice(0, -1).join('/'), domain }), node: local };
  } catch {
    return { imid: '', node: text };
  }
}

export async function unsubscribe(text: string, options: UserOptions): Promise<void> {
  const what = uuidKind.read(text) ?? client.readNode(text);
  await asUser(options, (session) => client.unsubscribe(session, what));
  if (options.json) printJson({ unsubscribed: text });
  else print(`unsubscribed from ${text}`);
}

export async function key(text: string, options: UserOptions): Promise<void> {
  const of = place.read(text);
  if (of === undefined) throw new UsageError(`${text} is no domain and no IMID`);
  const { armour, line } = await asUser(options, (session) =>
    advised({ '404': 'none was published: what goes there cannot be sealed' }, client.keyOf(session, of)),
  );
  if (options.json) return printJson({ of: text, about: line, armour });
  print(facts([['key', line]]));
  print(`\n${armour.split('\n').map(harmless).join('\n')}`);
}

function typeOf({ markdown }: TextOptions): string {
  return `${markdown ? 'text/markdown' : 'text/plain'}; charset=utf-8`;
}

function noUuid(text: string): never {
  throw new UsageError(`${text} is no UUID`);
}
