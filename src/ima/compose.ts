// Makes a message from what its writer wants to say.   spec: ima 2.2, 2.11

import { toHex } from '../base/bytes.ts';
import type { Random } from '../base/random.ts';
import type { Clock } from '../base/time.ts';
import { type HeldLetter, letterFrom } from './letter.ts';
import { formatBlock, formatDate, type Header, parseHead } from './wire/message.ts';
import { hostOf } from './wire/names.ts';
import { formatPart, type Role } from './wire/parts.ts';

export interface DraftPart {
  readonly role: Role;
  readonly type: string;
  readonly name?: string | undefined;
  readonly content: Uint8Array;
}

export interface Draft {
  readonly from: string;
  readonly fromName?: string | undefined;
  readonly mailer?: string | undefined;
  readonly to: readonly string[];
  readonly cc?: readonly string[];
  readonly bcc?: readonly string[];
  readonly subject?: string | undefined;
  readonly replyTo?: readonly string[];
  readonly inReplyTo?: string | undefined;
  readonly references?: readonly string[];
  readonly parts: readonly DraftPart[];
  readonly extra?: readonly Header[];
  /** A new one when not given. */
  readonly id?: string | undefined;
  /** Now when not given. */
  readonly date?: number | undefined;
}

/** Throws WireError when something in the draft cannot stand in a message. */
export function compose(
  draft: Draft,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
): HeldLetter {
  const time = clock.now();
  const list = (name: string, values: readonly string[] = []) =>
    one(name, values.length === 0 ? undefined : values.join(', '));
  const headers: Header[] = [
    ...one('ima', '1'),
    ...one('id', draft.id ?? newId(hostOf(draft.mailer ?? draft.from), time, random)),
    ...one('date', formatDate(draft.date ?? time)),
    ...one('from', draft.from),
    ...one('from-name', draft.fromName),
    ...one('mailer', draft.mailer),
    ...list('to', draft.to),
    ...list('cc', draft.cc),
    ...list('bcc', draft.bcc),
    ...list('reply-to', draft.replyTo),
    ...one('in-reply-to', draft.inReplyTo),
    ...list('references', draft.references),
    ...one('subject', draft.subject),
    ...(draft.extra ?? []),
    ...draft.parts.map(({ content, role, type, name }) => ({
      name: 'part',
      value: formatPart({ size: content.byteLength, role, type, ...(name === undefined ? {} : { name }) }),
    })),
    { name: 'size', value: String(draft.parts.reduce((sum, { content }) => sum + content.byteLength, 0)) },
  ];
  return letterFrom(parseHead(formatBlock(headers)), Buffer.concat(draft.parts.map(({ content }) => content)));
}

/** A version 7 UUID: its time is in it.   spec: ima 2.2 */
function newId(host: string, time: number, random: Random): string {
  const octets = random.bytes(16);
  octets.writeUIntBE(time, 0, 6);
  octets[6] = 0x70 | ((octets[6] ?? 0) & 0x0f);
  octets[8] = 0x80 | ((octets[8] ?? 0) & 0x3f);
  const hex = toHex(octets);
  const groups = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)];
  return `${groups.join('-')}@${host}`;
}

/** What people write on one line, without what no header can hold. */
export function headerText(text: string): string {
  return text
    .replace(/[\r\n]+\s*/g, ' ')
    .replace(/[^\t\x20-\x7e\u{80}-\u{10ffff}]/gu, '')
    .toWellFormed();
}

function one(name: string, value: string | undefined): Header[] {
  return value === undefined || value === '' ? [] : [{ name, value: headerText(value) }];
}
