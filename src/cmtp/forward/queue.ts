// Messages for other domains while they wait: octets in a mailbox of the store that is nobody's, and a job for each that names
// it. A message without its job (a crash between the two) gets it again at the next start.

import { z } from 'zod';
import type { Post } from '../../post/post.ts';
import type { Page } from '../../store/messages.ts';
import type { MessageOctets } from '../../store/store.ts';
import type { Passing } from './passing.ts';

const MAILBOX = 'cmtp/(forwarding)';
const MAX_WAITING = 1_000_000;
const PAGE = 500;

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

export class WaitingMessages {
  readonly #store: Post['store'];

  constructor({ store }: Pick<Post, 'store'>) {
    this.#store = store;
  }

  /** Makes the mailbox, or gives it its new size. */
  async prepare(size: number): Promise<void> {
    const quota = { bytes: size, messages: MAX_WAITING };
    if (!(await this.#store.mailboxes.create({ id: MAILBOX, quota })))
      await this.#store.mailboxes.change(MAILBOX, { quota });
  }

  /** Takes octets in; durable when this resolves. The job to push, or undefined when there is no room. */
  async keep(
    { to, from, attachments }: Pick<Passing, 'to' | 'from' | 'attachments'>,
    octets: AsyncIterable<Uint8Array>,
    arrived: number,
  ): Promise<MessageJob | undefined> {
    const body = await this.#store.messages.receive(MAILBOX, octets);
    const known = { to, from, attachments };
    const appended = await this.#store.messages.append(MAILBOX, {
      body,
      arrived,
      index: Buffer.from(JSON.stringify(known)),
    });
    if (appended.status === 'stored') return { kind: 'message', ...known, message: appended.id };
    await body.discard();
    return undefined;
  }

  read({ message }: MessageJob): Promise<MessageOctets | undefined> {
    return this.#store.messages.read(MAILBOX, message);
  }

  async drop({ message }: MessageJob): Promise<void> {
    await this.#store.messages.remove(MAILBOX, [message]);
  }

  /** The job of every message here, page by page. */
  async *jobs(): AsyncGenerator<MessageJob[]> {
    for (let after: number | undefined = 0; after !== undefined; ) {
      const page: Page = await this.#store.messages.page(MAILBOX, { after, limit: PAGE });
      yield page.messages.map(({ id, index }) => {
        return { kind: 'message', ...indexShape.parse(JSON.parse(index.toString())), message: id };
      });
      after = page.next;
    }
  }
}

export function writeJob(job: ForwardJob): Buffer {
  return Buffer.from(JSON.stringify(job));
}

export function readJob(body: Uint8Array): ForwardJob {
  return jobShape.parse(JSON.parse(Buffer.from(body).toString()));
}
