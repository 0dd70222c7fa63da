// Messages in a mailbox: put in so that a repeated one counts once.   spec: cmtp 9 D11

import { createHash, type Hash } from 'node:crypto';
import { codeOf } from '../base/errors.ts';
import { DAY, startOfDay } from '../base/time.ts';
import type { Post } from '../post/post.ts';
import type { Quota } from '../store/store.ts';
import { mailboxOf } from './accounts.ts';
import { parseHead } from './wire/message.ts';

/** A message that is sent again, because its SUCCESS was lost, is known for so long: longer than servers forward. */
const KNOWN_FOR = 8 * DAY;

export type Kept = 'stored' | 'duplicate' | 'unknown' | 'full';

/** The parts of a message: what stands before the log, the log, and what follows. */
export interface MessageParts {
  readonly head: Buffer;
  readonly log: Uint8Array;
  readonly rest: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
  /** Of the whole, when it is known. */
  readonly size?: number | undefined;
  /** What makes two messages one; all of it but its log when not given. */
  readonly once?: Uint8Array | undefined;
}

/** Durable when it resolves. Throws what `rest` throws, and StoreError; nothing is kept then. */
export async function keep(post: Post, account: string, parts: MessageParts): Promise<Kept> {
  const { messages } = post.store;
  const mailbox = mailboxOf(account);
  const digest = createHash('sha256');
  try {
    const body = await messages.receive(mailbox, octetsOf(parts, digest), parts.size);
    const today = startOfDay(post.clock.now());
    const appended = await messages.append(mailbox, {
      body,
      arrived: today,
      once: { key: parts.once ?? digest.digest(), until: today + KNOWN_FOR },
    });
    if (appended.status === 'stored' || appended.status === 'duplicate') return appended.status;
    await body.discard();
    return appended.status === 'full' ? 'full' : 'unknown';
  } catch (error) {
    if (codeOf(error) === 'no-mailbox') return 'unknown';
    throw error;
  }
}

/** Makes a mailbox where there is none. Either way it has this quota afterwards. */
export async function openMailbox(post: Post, account: string, quota: Quota): Promise<void> {
  if (!(await post.store.mailboxes.create({ id: mailboxOf(account), quota }))) await setQuota(post, account, quota);
}

/** Gives a mailbox the quota of today's settings, if it has another. */
export async function setQuota({ store }: Post, account: string, quota: Quota): Promise<void> {
  const id = mailboxOf(account);
  const now = (await store.mailboxes.get(id))?.quota;
  if (now?.bytes !== quota.bytes || now.messages !== quota.messages) await store.mailboxes.change(id, { quota });
}

/** The parts of a message that is at hand. Throws WireError. */
export function partsOf(message: Buffer): MessageParts {
  const { head, length } = parseHead(message);
  const end = length + head.logLength;
  const rest = [message.subarray(end)];
  return { head: message.subarray(0, length), log: message.subarray(length, end), rest, size: message.length };
}

async function* octetsOf({ head, log, rest }: MessageParts, digest: Hash): AsyncGenerator<Uint8Array> {
  // Servers on the way add to the log, each time another line: a message is the same whatever its log says.
  digest.update(head.subarray(0, 8)).update(head.subarray(16));
  yield log.byteLength === 0 ? head : Buffer.concat([head, log]);
  for await (const chunk of rest) {
    digest.update(chunk);
    yield chunk;
  }
}
