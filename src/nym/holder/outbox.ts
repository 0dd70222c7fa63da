// Messages that the server has to acknowledge: kept in the record and handed to the mix, again and again, until it does.
// spec: mixminion-nym 6.1, 10

import { toHex } from '../../base/bytes.ts';
import { ID_LENGTH } from '../messages/frames.ts';
import { type ServerCommand, signMessage, writeSigned } from '../messages/to-server.ts';
import type { Desk } from './desk.ts';
import type { HolderRecord, Outstanding } from './record.ts';

/** Keeps a message that is to be acknowledged, together with `changes` to the record; `dispatch` hands it to the mix. */
export async function queue(
  desk: Desk,
  command: ServerCommand,
  what: string,
  changes: Partial<HolderRecord> = {},
  kind: Partial<Pick<Outstanding, 'change' | 'deletes'>> = {},
): Promise<void> {
  const seqno = desk.parts.random.bytes(ID_LENGTH);
  const signed = toHex(write(desk.record, [command], seqno));
  const message = { seqno: toHex(seqno), signed, what, change: false, deletes: [], ...kind, sent: undefined };
  await desk.change({ ...changes, outstanding: [...desk.record.outstanding, message] });
}

/** First to the mix, then a note of it: a message may go twice, never not at all. */
export async function dispatch(desk: Desk, seqno: string): Promise<void> {
  const { mix, clock } = desk.parts;
  const message = desk.record.outstanding.find((other) => other.seqno === seqno);
  if (message === undefined) return;
  await mix.send(await sign(desk, Buffer.from(message.signed, 'hex')), desk.record.server);
  const sent = { ...message, sent: clock.now() };
  await desk.change({ outstanding: desk.record.outstanding.map((other) => (other.seqno === seqno ? sent : other)) });
}

/** A message of these commands, as octets that may go to the mix. */
export function signedMessage(desk: Desk, commands: readonly ServerCommand[], seqno: Buffer): Promise<Buffer> {
  return sign(desk, write(desk.record, commands, seqno));
}

function write({ nym, phase }: HolderRecord, commands: readonly ServerCommand[], seqno: Buffer): Buffer {
  return writeSigned({ nym: phase === 'asked' ? '' : (nym ?? ''), seqno, commands });
}

async function sign({ parts, record }: Desk, signed: Buffer): Promise<Buffer> {
  const identity = await parts.folder.key('identity', record.keys.identity);
  return signMessage(signed, identity, parts.random);
}
