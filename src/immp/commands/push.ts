// PUSH: a notification for one user, here or elsewhere.   spec: immp 2.10

import { uuidFrom } from '../auth/secrets.ts';
import { Refusal } from '../codes.ts';
import { admitPush, isOwn, takePush } from '../push/arriving.ts';
import { nodeName } from '../push/names.ts';
import { checkDescription, type Notification, receive } from '../push/notification.ts';
import type { Answers } from '../session.ts';
import type { CommandOf } from '../wire/forms.ts';
import { formatImid } from '../wire/imid.ts';
import { uuid as uuidKind } from '../wire/kind.ts';
import { queued } from '../wire/texts.ts';
import type { Handler } from './command.ts';
import { onlySwitches } from './switches.ts';

const SWITCHES = ['+BASE64', '+IMPORTANT', '-IMPORTANT', '+SECURE'];
/** Pushes of a peer who has not shown who it is, and knows no subscription, before it is shown the door. */
const STRANGER_FAILURES = 3;

export const push: Handler<'PUSH'> = async (command, answers) => {
  const { session, room } = answers;
  onlySwitches(command.switches, SWITCHES);
  checkDescription(command);
  if (session.peer.state === 'local') {
    if (!isOwn(nodeName(command.from), session.account)) throw new Refusal('403');
    if (command.to.domain.toLowerCase() !== room.domain) return pushElsewhere(command, answers);
  }
  const admitted = await admitPush(room, session.peer, command).catch((error: unknown) => {
    throw countStranger(error, answers);
  });
  const uuid = await takePush(room, admitted, await receive(answers, command));
  if (admitted.pending) await answers.send('276', `${uuid} Push held for approval`);
  else await answers.send('275', `${uuid} Push delivered`);
};

/** Durable in the queue when it is answered.   spec: immp 2.10 */
async function pushElsewhere(command: CommandOf<'PUSH'>, answers: Answers): Promise<void> {
  const { session, room } = answers;
  const { to, from, id } = command;
  if (room.far === undefined) throw new Refusal('422');
  if (!room.mayDeliver(session.account)) throw new Refusal('429');
  const { name, block, ...what }: Notification = await receive(answers, command);
  const uuid = (name && uuidKind.read(name)) ?? uuidFrom(room.post.random.bytes(16));
  await room.push.out.add({
    kind: 'push',
    to: formatImid(to),
    from: formatImid(from),
    ...what,
    id,
    name: uuid,
    block: block.toString('base64'),
    sender: session.account,
  });
  await answers.send('274', queued.write(uuid, to.domain));
}

/** Whoever guesses subscriptions is not let go on for long. */
function countStranger(error: unknown, { session }: Answers): unknown {
  if (session.peer.state !== 'unauthenticated' || !(error instanceof Refusal) || error.code !== '431') return error;
  session.failures.push += 1;
  return session.failures.push < STRANGER_FAILURES ? error : new Refusal('711', { close: true });
}
