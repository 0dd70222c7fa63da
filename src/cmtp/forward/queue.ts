// Messages for other domains while they wait: octets in a mailbox of the store that is nobody's, and a job for each that names
// it. A message without its job (a crash between the two) gets it again at the next start.

import { z } from 'zod';
import type { Post } from '../../post/post.ts';
import { WaitingMessages } from '../../post/waiting.ts';
import type { MessageOctets } from '../../store/store.ts';
import type { Passing } from './passing.ts';

/** Of their jobs, in the store. */
export const QUEUE = 'cmtp/forward';
const MAILBOX = 'cmtp/(forwarding)';

const place = z.object({ account: z.string(), domain: z.string() });
const jobShape = z.discriminatedUnion('kind', [
  /** The message of this id in the mailbox. */
  z.object({
    kind: z.literal('message'),
    to: place,
    from: place,
    attachments: z.number(),
    message: z.string(),
    /** The code of what went wrong the last time. */
    failure: z.string().optional(),
  }),
  /** A notice to a sender, made when his key is at hand. */
  z.object({ kind: z.literal('bounce'), to: place, about: place, reason: z.string() }),
]);

export type ForwardJob = z.infer<typeof jobShape>;
export type MessageJob = Extract<ForwardJob, { kind: 'message' }>;
export type BounceJob = Extract<ForwardJob, { kind: 'bounce' }>;

const indexShape = z.object({ to: place, from: place, attachments: z.number() });

export class WaitingMail {
  readonly #waiting: WaitingMessages;

  constructor(post: Pick<Post, 'store'>) {
    this.#waiting = new WaitingMessages(post, MAILBOX);
  }

  /** Makes room for so many octets. */
  prepare(size: number): Promise<void> {
    return this.#waiting.prepare(size);
  }

  /** Takes octets in; durable when this resolves. The job to push, or undefined when there is no room. */
  async keep(
    { to, from, attachments }: Pick<Passing, 'to' | 'from' | 'attachments'>,
    octets: AsyncIterable<Uint8Array>,
    arrived: number,
  ): Promise<MessageJob | undefined> {
    const known = { to, from, attachments };
    const kept = await this.#waiting.keep(Buffer.from(JSON.stringify(known)), octets, arrived);
    return kept.status === 'kept' ? { kind: 'message', ...known, message: kept.message } : undefined;
  }

  read({ message }: MessageJob): Promise<MessageOctets | undefined> {
    return this.#waiting.read(message);
  }

  drop({ message }: MessageJob): Promise<void> {
    return this.#waiting.drop(message);
  }

  /** The job of every message here, page by page. */
  async *jobs(): AsyncGenerator<MessageJob[]> {
    for await (const page of this.#waiting.all()) {
      yield page.map(({ message, known }) => ({
        kind: 'message',
        ...indexShape.parse(JSON.parse(known.toString())),
        message,
      }));
    }
  }
}

export function writeJob(job: ForwardJob): Buffer {
  return Buffer.from(JSON.stringify(job));
}

export function readJob(body: Uint8Array): ForwardJob {
  return jobShape.parse(JSON.parse(Buffer.from(body).toString()));
}
