// Sends a question: the reply blocks for its answer go with it, and when none comes it is asked anew with others.
// spec: mixminion-nym 5, 10

import { toHex } from '../../base/bytes.ts';
import { SECOND } from '../../base/time.ts';
import type { Surb } from '../../mixminion/packet/surb.ts';
import { ID_LENGTH, NO_ID } from '../messages/frames.ts';
import type { ServerCommand } from '../messages/to-server.ts';
import type { Desk } from './desk.ts';
import { signedMessage } from './outbox.ts';
import type { Asking } from './tending.ts';

/** First a note of it, then to the mix: a question that is cut off between them is asked anew, and its reply blocks count as lost. */
export async function ask(desk: Desk, asking: Asking): Promise<void> {
  const { mix, clock, random } = desk.parts;
  const { identities, label } = desk.record;
  const { create, get, summaries } = asking;
  const now = clock.now();
  const creation = create ? await creating(desk) : [];
  const blocks = asking.surbs === 0 ? [] : await mix.surbs(identities.at(-1) ?? label, asking.surbs);
  const seqno = random.bytes(ID_LENGTH);
  const message = await signedMessage(desk, [...creation, ...questions(asking, blocks)], seqno);
  const batch = { seqno: toHex(seqno), count: blocks.length, expires: firstExpiry(blocks), sent: now, arrived: false };
  const { asked, summaryAsked, batches, mails } = desk.record;
  const isAsked = summaries !== undefined || get.length > 0 || create;
  const isSummary = summaries !== undefined && summaries > 0;
  await desk.change({
    asked: isAsked ? now : asked,
    summaryAsked: isSummary ? now : summaryAsked,
    batches: [...batches.filter(({ expires }) => expires > now), ...(blocks.length > 0 ? [batch] : [])],
    mails: mails.map((mail) => (get.includes(mail.id) ? { ...mail, wanted: now } : mail)),
  });
  await mix.send(message, desk.record.server);
}

async function creating({ parts, record }: Desk): Promise<ServerCommand[]> {
  const { keys, candidates } = record;
  const identity = (await parts.folder.key('identity', keys.identity)).publicKey;
  const encryption = (await parts.folder.key('encryption', keys.encryption)).publicKey;
  return [
    { word: 'CREATE', candidates },
    { word: 'NEWPK', identity, encryption },
  ];
}

function questions({ get, summaries }: Asking, blocks: readonly Surb[]): ServerCommand[] {
  const commands: ServerCommand[] = [];
  if (blocks.length > 0) commands.push({ word: 'SURB', surbs: blocks });
  if (get.length > 0) commands.push({ word: 'GET', ids: get.map((id) => Buffer.from(id, 'hex')) });
  if (summaries !== undefined) commands.push({ word: 'SUMMARIZE', most: summaries, after: NO_ID });
  return commands;
}

function firstExpiry(surbs: readonly Surb[]): number {
  return surbs.length === 0 ? 0 : Math.min(...surbs.map(({ useBy }) => useBy)) * SECOND;
}
