// DATA: one part of the message that is open, read to its end and kept aside.   spec: immp 2.8

import { readBlock } from '../block.ts';
import { Refusal } from '../codes.ts';
import { ENVELOPE_LIMIT, ENVELOPE_NAME, ENVELOPE_TYPE } from '../mail/envelope-part.ts';
import type { Part } from '../mail/message.ts';
import type { Answers, OpenMessage } from '../session.ts';
import { spool } from '../spool.ts';
import type { CommandOf } from '../wire/forms.ts';
import type { Handler } from './command.ts';
import { onlySwitches } from './switches.ts';

const MAX_PARTS = 200;
/** Octets of all names and types together: they lie in the index of the mailbox. */
const MAX_LABELS = 24 * 1024;
const MAX_NAME = 255;
/** Octets for the envelope in front of the parts, as far as size and quota are looked at beforehand. */
const ENVELOPE_ROOM = 1024;

export const data: Handler<'DATA'> = async (command, answers) => {
  const { session, room } = answers;
  const open = session.open;
  if (open === undefined) throw new Refusal('470');
  const { length } = command;
  const part = partOf(command, open);
  const taken = open.parts.reduce((sum, { data }) => sum + data.size, ENVELOPE_ROOM);
  const most = part.isEnvelope ? ENVELOPE_LIMIT : Math.max(0, room.settings.message_size - taken);
  if (length !== undefined && length > most) throw new Refusal('413');
  if (length !== undefined) await mayHold(answers, open, taken + length);
  await answers.send('271', `${part.name} Saving ${part.class === 'content' ? 'content ' : ''}part`);

  const base64 = command.switches.includes('+BASE64');
  const form = { base64, ...(length === undefined ? {} : { length }) };
  const block = readBlock(session.connection, form, room.post.clock, room.settings.block_time);
  const spooled = await spool(block, most, room.spool);
  if (spooled === undefined) throw new Refusal('413'); // the delivery stays open without this part
  if (part.isEnvelope) {
    const octets: Buffer[] = [];
    for await (const chunk of spooled.chunks()) octets.push(chunk);
    await spooled.discard();
    open.envelope = Buffer.concat(octets);
  } else {
    open.parts.push({ class: part.class, type: part.type, name: part.name, data: spooled });
  }
  await answers.send('272', `${part.name} Part saved`);
};

interface PartLabel {
  readonly name: string;
  readonly type: string;
  readonly class: Part['class'];
  readonly isEnvelope: boolean;
}

/** What the part will be called. Throws Refusal 406, 409 or 413. */
function partOf({ name, type, length, switches }: CommandOf<'DATA'>, open: OpenMessage): PartLabel {
  onlySwitches(switches, ['+BASE64', '+CONTENT', '+INLINE']);
  const isText = type === undefined || /^text\//i.test(type);
  // Without a length the end of binary data could not be told.
  if (length === undefined && !switches.includes('+BASE64') && !isText) throw new Refusal('406');
  const isEnvelope = name === ENVELOPE_NAME && type?.toLowerCase() === ENVELOPE_TYPE;
  const called = name ?? `part${open.parts.length + 1}`;
  if (Buffer.byteLength(called) > MAX_NAME || /[/\\\p{Cc}]/u.test(called) || called === '') throw new Refusal('406');
  const taken = open.parts.some((part) => part.name === called) || (isEnvelope && open.envelope !== undefined);
  if (taken || (!open.multipart && !isEnvelope && open.parts.length > 0)) throw new Refusal('409');
  const content = switches.includes('+CONTENT') || !open.multipart;
  // Neither length nor base64: a text, as only texts may come so.
  const byDefault =
    content || (length === undefined && !switches.includes('+BASE64')) ? 'text/plain' : 'application/octet-stream';
  const label = type ?? byDefault;
  const labels = open.parts.reduce((sum, part) => sum + Buffer.byteLength(part.name + part.type), 0);
  const full = open.parts.length >= MAX_PARTS || labels + Buffer.byteLength(called + label) > MAX_LABELS;
  if (full && !isEnvelope) throw new Refusal('413');
  return {
    name: called,
    type: label,
    class: content ? 'content' : switches.includes('+INLINE') ? 'inline' : 'attachment',
    isEnvelope,
  };
}

/** Throws Refusal 441 when the mailbox has no room for `size` octets. It is looked at again when the message is stored. */
async function mayHold({ room }: Answers, { draft }: OpenMessage, size: number): Promise<void> {
  if ('sealedFor' in draft) return;
  const local = 'mailbox' in draft || draft.to.domain.toLowerCase() === room.domain;
  const name = 'mailbox' in draft ? draft.mailbox : local ? (await room.accounts.recipient(draft.to))?.name : undefined;
  const mailbox = name && (await room.accounts.mailbox(name));
  if (!mailbox) return;
  const { used, quota } = mailbox;
  if (used.bytes + size > quota.bytes || used.messages >= quota.messages) throw new Refusal('441');
}
