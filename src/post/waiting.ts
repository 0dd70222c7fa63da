// Messages that wait to be carried elsewhere: octets in a mailbox of the store that is nobody's, beside each what a job needs to
// know of it. A message is here before its job is queued, so whoever opens the queue makes the jobs that a crash left out.

import type { Page } from '../store/messages.ts';
import type { MessageOctets } from '../store/store.ts';
import type { Post } from './post.ts';

const MAX_WAITING = 1_000_000;
const PAGE = 500;

/** Octets that came with what is known of them. */
export interface Waiting {
  /** The message's id in the mailbox. */
  readonly message: string;
  /** What `keep` was given. */
  readonly known: Buffer;
}

export type Kept =
  | { readonly status: 'kept'; readonly message: string }
  /** It was taken in before, under the same `once`. */
  | { readonly status: 'duplicate' }
  /** There is no room. */
  | { readonly status: 'full' };

export class WaitingMessages {
  readonly #store: Post['store'];
  readonly #mailbox: string;

  constructor({ store }: Pick<Post, 'store'>, mailbox: string) {
    this.#store = store;
    this.#mailbox = mailbox;
  }

  /** Makes the mailbox, or gives it its new size in octets. */
  async prepare(size: number): Promise<void> {
    const quota = { bytes: size, messages: MAX_WAITING };
    if (!(await this.#store.mailboxes.create({ id: this.#mailbox, quota })))
      await this.#store.mailboxes.change(this.#mailbox, { quota });
  }

  /** Takes octets in; durable when this resolves. `known`: at most 64 KiB. */
  async keep(
    known: Uint8Array,
    octets: AsyncIterable<Uint8Array>,
    arrived: number,
    once?: { readonly key: Uint8Array; readonly until: number },
  ): Promise<Kept> {
    const body = await this.#store.messages.receive(this.#mailbox, octets);
    const draft = { body, arrived, index: known, ...(once ? { once } : {}) };
    const appended = await this.#store.messages.append(this.#mailbox, draft);
    if (appended.status === 'stored') return { status: 'kept', message: appended.id };
    if (appended.status === 'duplicate') return { status: 'duplicate' };
    await body.discard();
    return { status: 'full' };
  }

  read(message: string, range?: { offset?: number; length?: number }): Promise<MessageOctets | undefined> {
    return this.#store.messages.read(this.#mailbox, message, range);
  }

  async drop(message: string): Promise<void> {
    await this.#store.messages.remove(this.#mailbox, [message]);
  }

  /** Everything that is here, page by page. */
  async *all(): AsyncGenerator<Waiting[]> {
    for (let after: number | undefined = 0; after !== undefined; ) {
      const page: Page = await this.#store.messages.page(this.#mailbox, { after, limit: PAGE });
      yield page.messages.map(({ id, index }) => ({ message: id, known: index }));
      after = page.next;
    }
  }
}
