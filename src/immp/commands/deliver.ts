// DELIVER: whom a message is for, and whether it may come.   spec: immp 2.8

import { uuidFrom } from '../auth/secrets.ts';
import { Refusal } from '../codes.ts';
import { isNotice } from '../federation/bounce.ts';
import { admit } from '../mail/accept.ts';
import { nodeName, ownerOf } from '../push/names.ts';
import { listFor } from '../push/publishing.ts';
import type { Answers } from '../session.ts';
import type { CommandOf } from '../wire/forms.ts';
import { accountName, type Imid } from '../wire/imid.ts';
import type { Handler } from './command.ts';
import { authorityOf, senderOf } from './senders.ts';
import { onlySwitches } from './switches.ts';

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

/** A mailbox, a mailing list that the sender may write to, or this server itself. Throws Refusal 430 or 450. */
async function admitHere(to: Imid, from: string | undefined, origin: string, { room }: Answers): Promise<void> {
  if (isNotice(to, from) && room.carrier !== undefined) return; // whether it is one for us its octets say
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

/** Users may write to any domain; other servers to the domains that this one passes mail on for. */
function mayPass(domain: string, { session, room }: Answers): boolean {
  return session.peer.state === 'local' || room.settings.relay_for.includes(domain.toLowerCase());
}
