// Published nodes as the store has them: a mailbox each, with a folder for what was published and one for the subscribers of each
// domain, so that a domain's subscribers are found, counted and gone through without looking at others.   spec: immp 2.10

import { hash } from 'node:crypto';
import * as z from 'zod';
import { DAY } from '../../base/time.ts';
import { Turns } from '../../base/turns.ts';
import type { Post } from '../../post/post.ts';
import type { Message, Page } from '../../store/messages.ts';
import { Refusal } from '../codes.ts';
import { type MessageFile, writeEntry } from '../mail/message.ts';
import { type Opened, openMessage } from '../mail/opened.ts';
import { uuidOctets } from '../watching.ts';
import { domainOfName, ownerOf } from './names.ts';

const PREFIX = 'immp-node/';
const DOCUMENT = 'node';
/** The owner of documents by which a subscription is found when its UUID alone is told. */
const KNOWN = 'immp-subscribed';
const ITEMS = 'items';
/** An `@` in front keeps a domain apart from the folder of items. */
const SUBSCRIBERS = '@';
const MAX_BOX = 255;
const MAX_NODES = 100;
const MAX_TITLE = 500;
const MAX_SUBSCRIBERS = 1_000_000;
/** The newest items that are kept.   spec: immp 2.10 */
const ITEMS_KEPT = 100;
/** Older ones stay while they may still be on their way to somebody. */
const ON_ITS_WAY = 5 * DAY;
const PAGE = 500;

const nodeShape = z.object({ title: z.string() });
const knownShape = z.object({ node: z.string(), domain: z.string() });
const readerShape = z.object({
  /** The IMID that was given, with its `+name`. */
  reader: z.string(),
  id: z.string(),
});

export type Subscriber = z.infer<typeof readerShape> & {
  /** Its place among those of its domain. */
  readonly uid: number;
};

export class Nodes {
  readonly #post: Pick<Post, 'store' | 'clock'>;
  /** By node: a subscriber is several entries that change together. */
  readonly #turns = new Turns();

  constructor(post: Pick<Post, 'store' | 'clock'>) {
    this.#post = post;
  }

  /** Undefined when there is no such node. */
  async title(node: string): Promise<string | undefined> {
    if (ownerOf(node) === undefined) return undefined;
    const found = await this.#post.store.documents.get(boxOf(node), DOCUMENT);
    return found && nodeShape.parse(JSON.parse(found.value.toString())).title;
  }

  /** Makes the node, or gives it this title. Throws Refusal 406 for a name or title too long, 429 when the owner has too many. */
  async create(node: string, title: string, bytes: number): Promise<'created' | 'there'> {
    const box = boxOf(node);
    const { mailboxes, documents } = this.#post.store;
    if (Buffer.byteLength(box) > MAX_BOX || title.length > MAX_TITLE) throw new Refusal('406');
    const document = Buffer.from(JSON.stringify({ title }));
    if ((await mailboxes.get(box)) === undefined) {
      const owner = `${PREFIX}${node.slice(0, node.lastIndexOf('/') + 1)}`;
      const nodes = await mailboxes.list({ prefix: owner, limit: MAX_NODES });
      if (nodes.length >= MAX_NODES) throw new Refusal('429', { text: 'Too many nodes' });
      const quota = { bytes, messages: MAX_SUBSCRIBERS };
      if (await mailboxes.create({ id: box, quota, documents: { [DOCUMENT]: document } })) return 'created';
    }
    await documents.put(box, DOCUMENT, document);
    return 'there';
  }

  /** With its items and all its subscribers. */
  async remove(node: string): Promise<boolean> {
    for (const { domain } of await this.domains(node)) {
      for await (const { id } of this.subscribers(node, domain)) await this.#post.store.documents.remove(KNOWN, id);
    }
    return this.#post.store.mailboxes.remove(boxOf(node));
  }

  /** All nodes of an account. */
  async removeOf(owner: string): Promise<void> {
    const prefix = `${PREFIX}${owner.slice(0, owner.lastIndexOf('@'))}/`;
    for (const id of await this.#post.store.mailboxes.list({ prefix, limit: 1000 })) {
      const node = id.slice(PREFIX.length);
      if (ownerOf(node) === owner) await this.remove(node);
    }
  }

  /** Names in order. */
  async list(after: string, limit: number): Promise<string[]> {
    const ids = await this.#post.store.mailboxes.list({ prefix: PREFIX, after: PREFIX + after, limit });
    return ids.map((id) => id.slice(PREFIX.length));
  }

  /** How many subscribers each domain has. */
  async domains(node: string): Promise<{ readonly domain: string; readonly count: number }[]> {
    const folders = await this.#post.store.mailboxes.folders(boxOf(node));
    return folders
      .filter(({ name, messages }) => name.startsWith(SUBSCRIBERS) && messages > 0)
      .map(({ name, messages }) => ({ domain: name.slice(SUBSCRIBERS.length), count: messages }));
  }

  async count(node: string): Promise<number> {
    return (await this.domains(node)).reduce((sum, { count }) => sum + count, 0);
  }

  /** Stores what was published, with flags that say how. Its UUID names it: the same one again is not stored twice. Throws Refusal 441 or 480. */
  async add(node: string, file: MessageFile, flags: readonly string[]): Promise<void> {
    const { messages } = this.#post.store;
    const box = boxOf(node);
    const body = await messages.receive(box, file.chunks(), file.size);
    const { uuid } = file.head.envelope;
    const now = this.#post.clock.now();
    const { status } = await messages.append(box, {
      body,
      folder: ITEMS,
      flags,
      arrived: now,
      index: writeEntry(file),
      name: uuidOctets(uuid),
      once: { key: hash('sha256', `item\0${uuid}`, 'buffer'), until: now + ON_ITS_WAY },
    });
    if (status === 'stored' || status === 'duplicate') return this.#forgetOld(box, now);
    await body.discard();
    throw new Refusal(status === 'full' ? '441' : '480');
  }

  /** Undefined when it is not kept any more. */
  async open(node: string, uuid: string): Promise<Opened | undefined> {
    const { messages } = this.#post.store;
    const named = await messages.named(boxOf(node), uuidOctets(uuid));
    const item = named.find(({ folder }) => folder === ITEMS);
    return item && openMessage(messages, boxOf(node), item);
  }

  /**
   * One more subscriber, in the place of whatever the same reader had; durable when this resolves. Throws Refusal 409 when the
   * UUID is another subscription's, 441 or 480.
   */
  subscribe(node: string, reader: string, id: string): Promise<void> {
    return this.#turns.take(boxOf(node), () => this.#subscribe(node, reader, id));
  }

  async #subscribe(node: string, reader: string, id: string): Promise<void> {
    const { documents } = this.#post.store;
    const box = boxOf(node);
    const domain = domainOfName(reader).toLowerCase();
    const known = await this.#known(id);
    if (known && (known.node !== node || known.domain !== domain)) throw new Refusal('409');
    if (!known) await documents.put(KNOWN, id, Buffer.from(JSON.stringify({ node, domain })));
    await this.#append(box, reader, id);
    const before = (await documents.get(box, keyOf(reader)))?.value.toString();
    if (before === id) return;
    await documents.put(box, keyOf(reader), Buffer.from(id));
    if (before !== undefined) await this.#drop(box, before);
  }

  /** False when `domain` has no subscription of this UUID. */
  async unsubscribe(id: string, domain: string): Promise<boolean> {
    const known = await this.#known(id);
    if (known?.domain !== domain) return false;
    return this.#turns.take(boxOf(known.node), () => this.#unsubscribe(boxOf(known.node), id));
  }

  async #unsubscribe(box: string, id: string): Promise<boolean> {
    const { documents, messages } = this.#post.store;
    const found = await this.#find(box, id);
    if (found !== undefined) {
      const { reader } = readerOf(found);
      await messages.remove(box, [found.id]);
      const held = await documents.get(box, keyOf(reader));
      if (held?.value.toString() === id) await documents.remove(box, keyOf(reader));
    }
    await documents.remove(KNOWN, id);
    return found !== undefined;
  }

  /** Subscribers of a domain behind the place `after`, in the order in which they came. */
  async *subscribers(node: string, domain: string, after = 0): AsyncGenerator<Subscriber, void, void> {
    for (let from: number | undefined = after; from !== undefined; ) {
      const request = { folder: SUBSCRIBERS + domain, after: from, limit: PAGE };
      const page: Page = await this.#post.store.messages.page(boxOf(node), request);
      yield* page.messages.map(readerOf);
      from = page.next;
    }
  }

  /** Whoever is at this place now. */
  async subscriberAt(node: string, domain: string, uid: number): Promise<Subscriber | undefined> {
    const request = { folder: SUBSCRIBERS + domain, after: uid - 1, limit: 1 };
    const [found] = (await this.#post.store.messages.page(boxOf(node), request)).messages;
    return found?.uid === uid ? readerOf(found) : undefined;
  }

  async #known(id: string): Promise<z.infer<typeof knownShape> | undefined> {
    const found = await this.#post.store.documents.get(KNOWN, id);
    return found && knownShape.parse(JSON.parse(found.value.toString()));
  }

  async #append(box: string, reader: string, id: string): Promise<void> {
    if ((await this.#find(box, id)) !== undefined) return;
    const folder = SUBSCRIBERS + domainOfName(reader).toLowerCase();
    const index = Buffer.from(JSON.stringify({ reader, id }));
    const { status } = await this.#post.store.messages.append(box, {
      body: Buffer.from('\n'),
      folder,
      arrived: this.#post.clock.now(),
      index,
      name: uuidOctets(id),
    });
    if (status !== 'stored') throw new Refusal(status === 'full' ? '441' : '480');
  }

  async #find(box: string, id: string): Promise<Message | undefined> {
    const named = await this.#post.store.messages.named(box, uuidOctets(id));
    return named.find(({ folder }) => folder.startsWith(SUBSCRIBERS));
  }

  async #drop(box: string, id: string): Promise<void> {
    const found = await this.#find(box, id);
    if (found) await this.#post.store.messages.remove(box, [found.id]);
    await this.#post.store.documents.remove(KNOWN, id);
  }

  async #forgetOld(box: string, now: number): Promise<void> {
    const { messages } = this.#post.store;
    const old = await messages.page(box, { folder: ITEMS, order: 'newest', skip: ITEMS_KEPT, limit: PAGE });
    const ids = old.messages.filter(({ arrived }) => arrived < now - ON_ITS_WAY).map(({ id }) => id);
    if (ids.length > 0) await messages.remove(box, ids);
  }
}

function boxOf(node: string): string {
  return PREFIX + node;
}

/** The document that says which subscription a reader has; one reader is one, however he writes himself. */
function keyOf(reader: string): string {
  const plain = reader
    .replace(/\+[^@]*@/, '@')
    .normalize('NFC')
    .toLowerCase();
  return `reader/${hash('sha256', plain, 'hex')}`;
}

function readerOf({ index, uid }: Message): Subscriber {
  return { ...readerShape.parse(JSON.parse(index.toString('utf8'))), uid };
}
