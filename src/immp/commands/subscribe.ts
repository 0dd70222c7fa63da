// SUBSCRIBE and UNSUBSCRIBE: of users, to nodes anywhere, and of other domains, to nodes here.   spec: immp 2.10

import { uuidFrom } from '../auth/secrets.ts';
import { Refusal } from '../codes.ts';
import { domainOfName, nodeName, ownerOf, withoutDomain } from '../push/names.ts';
import { unsubscribe as endOwn, subscribe, takeIn } from '../push/subscribing.ts';
import type { Answers } from '../session.ts';
import type { CommandOf } from '../wire/forms.ts';
import { accountName, type Imid, imid } from '../wire/imid.ts';
import type { Handler } from './command.ts';
import { onlySwitches } from './switches.ts';

const TITLE = 'Subscribed to:';

export const subscribeTo: Handler<'SUBSCRIBE TO'> = async (command, answers) => {
  const { session, room } = answers;
  const node = nodeName(command.node);
  if (ownerOf(node) === undefined) throw new Refusal('480');
  if (session.peer.state === 'remote') return subscribeFar(node, command, session.peer.domain, answers);
  const { account } = session;
  const reader = command.reader ?? readerOf(account);
  if (accountName(reader) !== account) throw new Refusal('403');
  await answers.send('380', 'Subscribing to publisher');
  const id = command.id ?? uuidFrom(room.post.random.bytes(16));
  await answers.send('280', `${TITLE} ${await subscribe(room, account, node, { reader, id })}`);
};

/** A domain subscribes its users alone.   spec: immp 2.7 */
async function subscribeFar(
  node: string,
  { reader, id }: CommandOf<'SUBSCRIBE TO'>,
  domain: string,
  answers: Answers,
): Promise<void> {
  const { room } = answers;
  if (reader === undefined || id === undefined) throw new Refusal('406');
  if (reader.domain.toLowerCase() !== domain) throw new Refusal('403');
  if (domainOfName(node) !== room.domain) throw new Refusal('480');
  if (!room.mayDeliver(`@${domain}`)) throw new Refusal('429');
  await answers.send('280', `${TITLE} ${await takeIn(room, node, reader, id)}`);
}

export const subscribeList: Handler<'SUBSCRIBE LIST'> = async ({ switches }, answers) => {
  onlySwitches(switches, ['+FULL']);
  const full = switches.includes('+FULL');
  const found = await answers.room.push.subscriptions.list(answers.session.account);
  for (const { id, node, title } of found) {
    const plain = title.replaceAll('"', "'");
    await answers.send('281', full ? `${id} ${node} "${plain}"` : `${id} ${withoutDomain(node)}`);
  }
  await answers.send('282', `${found.length} subscriptions.`);
};

export const unsubscribe: Handler<'UNSUBSCRIBE'> = async ({ id, node }, answers) => {
  const { session, room } = answers;
  if (session.peer.state === 'remote') {
    if (id === undefined) throw new Refusal('406');
    if (!(await room.push.nodes.unsubscribe(id, session.peer.domain))) throw new Refusal('481');
  } else {
    const which = { ...(id === undefined ? {} : { id }), ...(node === undefined ? {} : { node: nodeName(node) }) };
    if (!(await endOwn(room, session.account, which))) throw new Refusal('481');
  }
  await answers.send('283', 'Unsubscribed');
};

function readerOf(account: string): Imid {
  const read = imid.read(account);
  if (read === undefined) throw new Error('an account without a name');
  return read;
}
