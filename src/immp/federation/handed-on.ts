// Whose message it was that lies in another server's queue. That server knows the domain that the message is from and perhaps nothing
// more, so what it has to say of it goes to `mailer-daemon` of that domain, and from there to its sender.   spec: immp 2.8

import * as z from 'zod';
import { DAY } from '../../base/time.ts';
import type { Post } from '../../post/post.ts';
import { changeDocument, readDocument } from '../push/document.ts';

const OWNER = 'immp-handed-on';
/** Days for which it is known: longer than a message waits anywhere. */
const KEPT = 8;
/** Days behind those that are looked through for what is left. */
const SWEPT = 30;
/** Readers of one message, the last ones. */
const MAX_READERS = 1000;

const shape = z.object({
  readers: z
    .array(
      z.object({
        to: z.string(),
        /** The account here. */
        sender: z.string(),
        /** The domains whose servers may speak of it: the one that has it, and the one that it is for. */
        heard: z.array(z.string()),
      }),
    )
    .default([]),
});

export type HandedOnTo = z.infer<typeof shape>['readers'][number];

export class HandedOn {
  readonly #post: Pick<Post, 'store' | 'clock'>;
  #swept = -1;

  constructor(post: Pick<Post, 'store' | 'clock'>) {
    this.#post = post;
  }

  /** Durable when this resolves. */
  async note(id: string, reader: HandedOnTo): Promise<void> {
    await this.#sweep();
    const { store } = this.#post;
    await changeDocument(store, ownerOf(this.#today), id, shape, ({ readers }) => [
      { readers: [...readers.filter(({ to }) => to !== reader.to), reader].slice(-MAX_READERS) },
      undefined,
    ]);
  }

  /** Whose it was, as far as `domain` may speak of it. `recipient`: as the other server knows it, an IMID or a domain. */
  async find(id: string, recipient: string, domain: string): Promise<HandedOnTo[]> {
    const name = recipient.toLowerCase();
    const found: HandedOnTo[] = [];
    for (let day = this.#today - KEPT; day <= this.#today; day += 1) {
      const { readers } = await readDocument(this.#post.store, ownerOf(day), id, shape);
      found.push(
        ...readers.filter(({ to, heard }) => {
          const reader = to.toLowerCase();
          return heard.includes(domain) && (reader === name || reader.endsWith(`@${name}`));
        }),
      );
    }
    return found;
  }

  get #today(): number {
    return Math.floor(this.#post.clock.now() / DAY);
  }

  async #sweep(): Promise<void> {
    const today = this.#today;
    if (this.#swept === today) return;
    this.#swept = today;
    const { documents } = this.#post.store;
    for (let day = today - KEPT - SWEPT; day < today - KEPT; day += 1) {
      for (const name of await documents.list(ownerOf(day))) await documents.remove(ownerOf(day), name);
    }
  }
}

function ownerOf(day: number): string {
  return `${OWNER}/${day}`;
}
