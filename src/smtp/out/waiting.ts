// Mail on its way out, while it waits: octets in a mailbox of the store that is nobody's, what became of each recipient in a
// document beside it, and a job that names it. A message without its job (a crash between the two) gets it again at the next start.

import { createHash } from 'node:crypto';
import { z } from 'zod';
import { DAY } from '../../base/time.ts';
import type { Post } from '../../post/post.ts';
import type { Message, Page } from '../../store/messages.ts';
import type { MessageOctets } from '../../store/store.ts';
import { NO_WISHES, type Wishes, wishesShape } from './wishes.ts';

const MAILBOX = 'smtp/(outgoing)';
const MAX_WAITING = 1_000_000;
const PAGE = 500;
/** How long a departure's key is remembered: longer than any caller repeats itself. */
const ONCE = 30 * DAY;

const headShape = z.object({
  from: z.string(),
  to: z.array(z.string()),
  eightBit: z.boolean(),
  wishes: wishesShape.default(NO_WISHES),
});

const fateShape = z.object({
  state: z.enum(['waiting', 'delivered', 'failed']),
  /** The answer of the other side, or our own words. */
  words: z.string(),
  /** RFC 3463, when it is known. */
  status: z.string().optional(),
  /** Which server said so. */
  server: z.string().optional(),
  /** That server tells the sender of a success itself, if he wants to hear of it. */
  tells: z.boolean().optional(),
});

export type Fate = z.infer<typeof fateShape>;

const progressShape = z.object({
  attempts: z.number(),
  fates: z.record(z.string(), fateShape),
  /** The sender knows that it takes long. */
  warned: z.boolean().optional(),
});

/** What became of each recipient so far; who is not in it has not been tried. */
export type Progress = z.infer<typeof progressShape>;

export interface Waiting {
  readonly id: string;
  readonly from: string;
  readonly to: readonly string[];
  readonly size: number;
  /** When it was accepted. */
  readonly since: number;
  readonly eightBit: boolean;
  readonly wishes: Wishes;
}

export class WaitingMail {
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

  /** Durable when this resolves. The message's id, or why there is none. */
  async keep(
    { from, to, wishes }: Pick<Waiting, 'from' | 'to' | 'wishes'>,
    message: Uint8Array,
    now: number,
    once: string | undefined,
  ): Promise<{ readonly id: string } | 'duplicate' | 'full'> {
    const head = { from, to, eightBit: message.some((octet) => octet > 0x7f), wishes };
    const kept = await this.#store.messages.append(MAILBOX, {
      body: message,
      arrived: now,
      index: Buffer.from(JSON.stringify(head)),
      ...(once === undefined ? {} : { once: { key: createHash('sha256').update(once).digest(), until: now + ONCE } }),
    });
    if (kept.status === 'stored') return { id: kept.id };
    return kept.status === 'duplicate' ? 'duplicate' : 'full';
  }

  async find(id: string): Promise<Waiting | undefined> {
    const message = await this.#store.messages.find(MAILBOX, id);
    return message && readHead(message);
  }

  /** All of it, oldest first, page by page. */
  async *all(): AsyncGenerator<Waiting> {
    for (let after: number | undefined = 0; after !== undefined; ) {
      const page: Page = await this.#store.messages.page(MAILBOX, { after, limit: PAGE });
      yield* page.messages.map(readHead);
      after = page.next;
    }
  }

  octets(id: string, length?: number): Promise<MessageOctets | undefined> {
    return this.#store.messages.read(MAILBOX, id, length === undefined ? {} : { length });
  }

  async progress(id: string): Promise<Progress> {
    const found = await this.#store.documents.get(MAILBOX, id);
    return found === undefined ? { attempts: 0, fates: {} } : progressShape.parse(JSON.parse(found.value.toString()));
  }

  async note(id: string, progress: Progress): Promise<void> {
    await this.#store.documents.put(MAILBOX, id, Buffer.from(JSON.stringify(progress)));
  }

  /** False when it was not there. */
  async drop(id: string): Promise<boolean> {
    const there = (await this.#store.messages.remove(MAILBOX, [id])) > 0;
    await this.#store.documents.remove(MAILBOX, id);
    return there;
  }
}

function readHead({ id, size, arrived, index }: Message): Waiting {
  return { id, size, since: arrived, ...headShape.parse(JSON.parse(index.toString())) };
}
