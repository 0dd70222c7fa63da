// What an account is subscribed to, and what it was: one document beside its mailbox. The UUID of a subscription is what proves
// that a push belongs to it, so it is written down before the publisher hears of it.   spec: immp 2.10

import * as z from 'zod';
import { Turns } from '../../base/turns.ts';
import type { Post } from '../../post/post.ts';
import { idOf } from '../accounts.ts';
import { Refusal } from '../codes.ts';
import { changeDocument, readDocument } from './document.ts';

const DOCUMENT = 'subscriptions';
const MAX_LIVE = 1000;
/** Ended ones that are remembered, so that publishers learn that they ended. */
const MAX_ENDED = 500;
const MAX_TITLE = 500;

const liveShape = z.object({
  id: z.string(),
  /** The node's one name. */
  node: z.string(),
  /** What the publisher calls it; undefined until he has said it. */
  title: z.string().optional(),
  /** When it was asked for, in milliseconds since 1970. */
  since: z.int(),
});
export const subscriptionsShape = z.object({
  live: z.array(liveShape).default([]),
  ended: z.array(z.object({ id: z.string(), node: z.string() })).default([]),
});

export type Subscription = z.infer<typeof liveShape>;

/** How a subscription stands, as its publisher may hear it. */
export type Standing = 'live' | 'ended' | 'none';

export class Subscriptions {
  readonly #store: Post['store'];
  /** By account and node: what a publisher is told must be told in order. */
  readonly turns = new Turns();

  constructor({ store }: Pick<Post, 'store'>) {
    this.#store = store;
  }

  /** Those that the publisher has confirmed, oldest first. */
  async list(account: string): Promise<(Subscription & { readonly title: string })[]> {
    const { live } = await this.#read(account);
    return live.flatMap((each) => (each.title === undefined ? [] : [{ ...each, title: each.title }]));
  }

  /** By its UUID, or by its node. */
  async standing(account: string, by: { readonly id: string; readonly node: string }): Promise<Standing> {
    const { live, ended } = await this.#read(account);
    const fits = (each: { id: string; node: string }) => each.id === by.id && each.node === by.node;
    return live.some(fits) ? 'live' : ended.some(fits) ? 'ended' : 'none';
  }

  /** The node that a live subscription is of. */
  async nodeOf(account: string, id: string): Promise<string | undefined> {
    return (await this.#read(account)).live.find((each) => each.id === id)?.node;
  }

  /** What the account has to do with a node: the UUID of its live subscription, or that there was one. */
  async to(account: string, node: string): Promise<Subscription | 'ended' | undefined> {
    const { live, ended } = await this.#read(account);
    const found = live.find((each) => each.node === node);
    return found ?? (ended.some((each) => each.node === node) ? 'ended' : undefined);
  }

  /** The one that there is, or a new one with this UUID; durable when this resolves. Throws Refusal 429 when there are too many. */
  begin(account: string, node: string, id: string, now: number): Promise<Subscription> {
    return this.#change(account, ({ live, ended }) => {
      const found = live.find((each) => each.node === node);
      if (found) return [undefined, found];
      if (live.length >= MAX_LIVE) throw new Refusal('429', { text: 'Too many subscriptions' });
      const begun = { id, node, since: now };
      return [{ live: [...live, begun], ended: ended.filter((each) => each.node !== node && each.id !== id) }, begun];
    });
  }

  confirm(account: string, id: string, title: string): Promise<void> {
    return this.#change(account, ({ live, ended }) => [
      { live: live.map((each) => (each.id === id ? { ...each, title: title.slice(0, MAX_TITLE) } : each)), ended },
      undefined,
    ]);
  }

  /** The one that ended now; undefined when there was none. */
  end(account: string, node: string): Promise<Subscription | undefined> {
    return this.#change(account, ({ live, ended }) => {
      const found = live.find((each) => each.node === node);
      if (found === undefined) return [undefined, undefined];
      const left = live.filter((each) => each !== found);
      return [{ live: left, ended: [...ended, { id: found.id, node: found.node }].slice(-MAX_ENDED) }, found];
    });
  }

  /** All that is kept of an account's subscriptions, to be taken with it. */
  all(account: string): Promise<z.infer<typeof subscriptionsShape>> {
    return this.#read(account);
  }

  /** Takes in what `all` gave elsewhere, where nothing is known yet. */
  takeIn(account: string, taken: z.infer<typeof subscriptionsShape>): Promise<void> {
    return this.#change(account, ({ live, ended }) => [live.length + ended.length > 0 ? undefined : taken, undefined]);
  }

  #read(account: string) {
    return readDocument(this.#store, idOf(account), DOCUMENT, subscriptionsShape);
  }

  #change<Result>(
    account: string,
    change: (
      before: z.infer<typeof subscriptionsShape>,
    ) => readonly [z.infer<typeof subscriptionsShape> | undefined, Result],
  ): Promise<Result> {
    return changeDocument(this.#store, idOf(account), DOCUMENT, subscriptionsShape, change);
  }
}
