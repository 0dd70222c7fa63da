// PUBLISH: nodes of one's own, and what is published there.   spec: immp 2.10

import { Refusal } from '../codes.ts';
import { checkDescription, receive } from '../push/notification.ts';
import { ownNode, publish } from '../push/publishing.ts';
import type { Handler } from './command.ts';
import { onlySwitches } from './switches.ts';

export const publishTo: Handler<'PUBLISH TO'> = async (command, answers) => {
  const { session, room } = answers;
  const { node, title, switches } = command;
  onlySwitches(switches, ['+BASE64', '+CREATE', '+IMPORTANT', '-IMPORTANT']);
  checkDescription(command);
  const name = ownNode(room, session.account, node);
  const { nodes } = room.push;
  if ((await nodes.title(name)) === undefined) {
    if (!switches.includes('+CREATE')) throw new Refusal('480');
    await nodes.create(name, title ?? name, room.settings.mailbox_size);
  }
  if (!room.mayDeliver(session.account)) throw new Refusal('429');
  const count = await publish(room, name, await receive(answers, command));
  await answers.send('284', `Published to ${count} subscribers`);
};

export const publishNode: Handler<'PUBLISH NODE'> = async ({ node, title }, answers) => {
  const { session, room } = answers;
  const name = ownNode(room, session.account, node);
  const made = await room.push.nodes.create(name, title, room.settings.mailbox_size);
  const count = made === 'created' ? 0 : await room.push.nodes.count(name);
  await answers.send('285', made === 'created' ? 'Node created' : `Node renamed, ${count} subscribers`);
};

export const publishRemove: Handler<'PUBLISH REMOVE'> = async ({ node }, answers) => {
  const { session, room } = answers;
  if (!(await room.push.nodes.remove(ownNode(room, session.account, node)))) throw new Refusal('480');
  await answers.send('200', 'Node removed');
};
