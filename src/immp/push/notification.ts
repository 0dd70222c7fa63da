// A push: one small block with a title, from a node. What of it is taken, and how it lies in the mailbox.   spec: immp 2.10

import * as z from 'zod';
import type { Message } from '../../store/messages.ts';
import { idOf } from '../accounts.ts';
import { readBlock } from '../block.ts';
import { ACTION_TYPE } from '../client/actions.ts';
import { Refusal } from '../codes.ts';
import { readEntry } from '../mail/message.ts';
import { openMessage } from '../mail/opened.ts';
import type { Room } from '../room.ts';
import type { Answers } from '../session.ts';
import { spool } from '../spool.ts';

/** spec: immp 2.10 */
const PUSH_LIMIT = 64 * 1024;
const MAX_NAME = 255;
const MAX_TITLE = 1000;

const TYPES = ['text/plain', 'text/markdown', ACTION_TYPE];

const actionShape = z.object({
  text: z.string(),
  actions: z
    .array(z.object({ label: z.string().min(1).max(200), url: z.url({ protocol: /^https$/ }).max(2000) }))
    .max(10)
    .default([]),
});

/** What a push says, wherever it goes. */
export interface Notification {
  readonly title: string | undefined;
  /** Of the block: a UUID marks a push that may come twice. */
  readonly name: string | undefined;
  /** With its parameters. */
  readonly type: string;
  readonly block: Buffer;
  readonly importance: 'important' | 'low' | undefined;
  readonly secure: boolean;
}

interface Described {
  readonly title?: string;
  readonly name?: string;
  readonly type?: string;
  readonly length?: number;
  readonly switches: readonly string[];
}

/** What can be wrong before the block is here. Throws Refusal 406 or 413. */
export function checkDescription({ title = '', name = '', type, length, switches }: Described): void {
  const media = mediaOf(type);
  if (!TYPES.includes(media)) throw new Refusal('406', { text: 'Bad parameter or switch: that is no type of a push' });
  // Without a length the end of anything but text could not be told.   spec: immp 2.8
  if (length === undefined && !switches.includes('+BASE64') && !media.startsWith('text/')) throw new Refusal('406');
  if (Buffer.byteLength(name) > MAX_NAME || Buffer.byteLength(title) > MAX_TITLE) throw new Refusal('406');
  if (length !== undefined && length > PUSH_LIMIT) throw new Refusal('413');
}

/** Grants the upload and reads the block. Throws Refusal 413 or 471. */
export async function receive(answers: Answers, described: Described): Promise<Notification> {
  const { session, room } = answers;
  const { title, name, type = 'text/plain', length, switches } = described;
  await answers.send('271', `${name ?? 'part1'} Saving content part`);
  const form = { base64: switches.includes('+BASE64'), ...(length === undefined ? {} : { length }) };
  const block = readBlock(session.connection, form, room.post.clock, room.settings.block_time);
  const spooled = await spool(block, PUSH_LIMIT, room.spool);
  answers.octetsRead();
  if (spooled === undefined) throw new Refusal('413');
  const octets = Buffer.concat(await Array.fromAsync(spooled.chunks()));
  await spooled.discard();
  if (textOf(type, octets) === undefined) throw new Refusal('471');
  return {
    title,
    name,
    type,
    block: octets,
    importance: switches.includes('+IMPORTANT') ? 'important' : switches.includes('-IMPORTANT') ? 'low' : undefined,
    secure: switches.includes('+SECURE'),
  };
}

/** What a person is to see of a block. */
export interface Shown {
  readonly text: string;
  readonly actions?: readonly { readonly label: string; readonly url: string }[];
}

/** What a watcher is told of a push that lies in this mailbox.   spec: immp 2.9 */
export async function shownOf(room: Room, mailbox: string, message: Message): Promise<object> {
  const { envelope } = readEntry(message.index);
  const about = { from: envelope.from, title: envelope.subject };
  const opened = await openMessage(room.post.store.messages, idOf(mailbox), message);
  const [part] = opened?.head.parts ?? [];
  if (opened === undefined || part === undefined || part.length > PUSH_LIMIT) return about;
  const block = Buffer.concat(await Array.fromAsync(opened.octets(part)));
  return { ...about, type: part.type, ...textOf(part.type, block) };
}

/** Undefined when the block is not what its type says. */
function textOf(type: string, block: Uint8Array): Shown | undefined {
  const text = utf8(block);
  if (text === undefined) return undefined;
  if (mediaOf(type) !== ACTION_TYPE) return { text };
  try {
    return actionShape.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

function mediaOf(type = 'text/plain'): string {
  return (type.split(';', 1)[0] ?? '').trim().toLowerCase();
}

function utf8(octets: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(octets);
  } catch {
    return undefined;
  }
}
