// DONE: the message that was put together goes into a mailbox, to a mailing list, or on its way; and RESET, which drops it.   spec: immp 2.8

import { Refusal } from '../codes.ts';
import { readOuter, SEALED_TYPE } from '../federation/sealed.ts';
import { isCircle, readTrace } from '../federation/trace.ts';
import { accept } from '../mail/accept.ts';
import type { Delivery } from '../mail/delivery.ts';
import { readEnvelopePart } from '../mail/envelope-part.ts';
import { listFor, post } from '../push/publishing.ts';
import type { Answers, OpenMessage, SealedDraft } from '../session.ts';
import { node } from '../wire/imid.ts';
import { delivered, queued } from '../wire/texts.ts';
import type { Handler } from './command.ts';
import { keepDraft } from './mbox-store.ts';
import { authorityOf } from './senders.ts';

export const done: Handler<'DONE'> = async (_command, answers) => {
  const { session } = answers;
  const open = session.open;
  if (open === undefined) throw new Refusal('470');
  try {
    if (!open.parts.some((part) => part.class === 'content')) throw new Refusal('472');
    if ('mailbox' in open.draft) await keepDraft(open.draft, open, answers);
    else if ('sealedFor' in open.draft) await finishSealed(open.draft, open, answers);
    else await finish(deliveryOf(open, open.draft, answers), answers);
  } finally {
    await session.dropOpen(); // whatever the answer, the delivery is closed
  }
};

export const reset: Handler<'RESET'> = async (_command, answers) => {
  await answers.session.dropOpen();
  await answers.send('200', 'Ok');
};

async function finish(delivery: Delivery, answers: Answers): Promise<void> {
  const { session, room } = answers;
  const { domain } = delivery.to;
  if (isCircle(delivery.via, room.domain)) throw new Refusal('422');
  if (domain.toLowerCase() === room.domain) {
    const list = await listFor(room, delivery.to, delivery.from);
    if (list !== undefined) {
      return answers.send('284', `Published to ${await post(room, list, delivery)} subscribers`);
    }
    await accept(room, delivery, delivery.peer === undefined ? authorityOf(session) : `@${delivery.origin}`);
    await answers.send('273', delivered.write(delivery.id));
  } else {
    if (room.carrier === undefined) throw new Refusal('422');
    await room.carrier.carry(delivery);
    await answers.send('274', queued.write(delivery.id, domain));
  }
}

/** Exactly the two parts that a sealed message has, and then whatever is done with such. */
async function finishSealed(draft: SealedDraft, { parts, envelope }: OpenMessage, answers: Answers): Promise<void> {
  const [part, ...others] = parts;
  const outer = envelope && readOuter(envelope);
  if (!envelope || !outer || part?.type.toLowerCase() !== SEALED_TYPE || others.length > 0) throw new Refusal('471');
  if (outer.destination !== draft.sealedFor) throw new Refusal('403');
  const { via } = readTrace(envelope);
  if (isCircle(via, answers.room.domain)) throw new Refusal('422');
  const { peer, id, importance, secure } = draft;
  const arrival = { peer, id, importance, secure, outer, envelope, sealed: part.data, via };
  const fate = await answers.room.carrier?.takeSealed(arrival);
  if (fate === 'delivered') await answers.send('273', delivered.write(draft.id));
  else await answers.send('274', queued.write(draft.id, draft.sealedFor));
}

function deliveryOf(open: OpenMessage, draft: Omit<Delivery, 'parts' | 'said'>, { room }: Answers): Delivery {
  const said = open.envelope ? readEnvelopePart(open.envelope, draft.from) : {};
  return {
    ...draft,
    ...(draft.peer === undefined ? {} : originOf(open, draft, draft.peer, room.settings.trusted_proxies)),
    said: { ...said, ...(open.subject === undefined ? {} : { subject: open.subject }) },
    parts: open.parts,
  };
}

/** Where it comes from, and through whom: a trusted proxy is believed whose mail it passes on.   spec: immp 2.6, 2.8 */
function originOf(open: OpenMessage, { from }: Pick<Delivery, 'from'>, peer: string, trusted: readonly string[]) {
  const { origin, via } = readTrace(open.envelope);
  const named = from === undefined ? undefined : node.read(from)?.domain.toLowerCase();
  return { via, origin: trusted.includes(peer) ? (named ?? origin ?? peer) : peer };
}
