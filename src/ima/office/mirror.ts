// The store's picture of the mailbox directories, for whoever asks the store: headers, sizes and flags, brought up to date from the
// directories and never the other way.   spec: ima 2.7

import { Turns } from '../../base/turns.ts';
import type { Post } from '../../post/post.ts';
import { READ } from '../../store/messages.ts';
import { ImaError } from '../errors.ts';
import type { MailFolder } from '../mailbox/folder.ts';
import type { Mailbox } from '../mailbox/mailbox.ts';
import type { Listed } from '../wire/imrp.ts';
import { formatBlock } from '../wire/message.ts';
import { mirrorOf } from './accounts.ts';

type MirrorPost = Pick<Post, 'store' | 'clock' | 'log'>;

export class Mirror {
  readonly #post: MirrorPost;
  readonly #turns = new Turns();
  /** Accounts with a turn that has not begun. */
  readonly #waiting = new Set<string>();

  constructor(post: MirrorPost) {
    this.#post = post;
  }

  /** Brings an account's picture up to date, soon. */
  nudge(address: string, mailbox: Mailbox): void {
    const id = mirrorOf(address);
    if (this.#waiting.has(id)) return;
    this.#waiting.add(id);
    void this.#turns
      .take(id, async () => {
        this.#waiting.delete(id);
        await this.update(address, mailbox);
      })
      .catch((error: unknown) =>
        this.#post.log.warn('ima.mirror-failed', { code: error instanceof ImaError ? error.code : 'store' }),
      );
  }

  /** Resolves when nothing is under way. */
  idle(): Promise<void> {
    return this.#turns.idle();
  }

  async update(address: string, mailbox: Mailbox): Promise<void> {
    const id = mirrorOf(address);
    for (const name of await mailbox.folders()) await this.#folder(id, name, mailbox.folder(name));
  }

  async #folder(id: string, name: string, folder: MailFolder): Promise<void> {
    const { documents } = this.#post.store;
    const place = `folder/${name}`;
    const known = Number((await documents.get(id, place))?.value.toString() ?? '0');
    const changes = await folder.changes(known);
    const messages = changes?.messages ?? (await folder.list());
    for (const message of messages) await this.#message(id, name, folder, message);
    const gone = changes?.gone ?? (await this.#missing(id, name, new Set(messages.map((message) => message.id))));
    for (const one of gone) await this.#remove(id, name, one);
    const seq = changes?.seq ?? (await folder.seq());
    if (seq !== known) await documents.put(id, place, Buffer.from(String(seq)));
  }

  async #message(id: string, name: string, folder: MailFolder, { id: own, size, flags }: Listed): Promise<void> {
    const { messages } = this.#post.store;
    const mirrored = flags.map((word) => (word === 'seen' ? READ : word));
    const [found] = await messages.named(id, nameOf(name, own));
    if (found) {
      const remove = found.flags.filter((flag) => !mirrored.includes(flag));
      await messages.flag(id, found.id, { add: mirrored, remove });
      return;
    }
    const { head } = await folder.read(own);
    await messages.append(id, {
      body: formatBlock(head.headers),
      arrived: Number(own.slice(0, 13)),
      folder: name,
      flags: mirrored,
      name: nameOf(name, own),
      index: Buffer.from(JSON.stringify({ size })),
    });
  }

  async #missing(id: string, folder: string, there: ReadonlySet<string>): Promise<string[]> {
    const gone: string[] = [];
    for (let after: number | undefined; ; ) {
      const page = await this.#post.store.messages.page(id, {
        folder,
        limit: 1000,
        ...(after === undefined ? {} : { after }),
      });
      const named = await Promise.all(
        [...there].map((own) => this.#post.store.messages.named(id, nameOf(folder, own))),
      );
      const kept = new Set(named.flat().map((message) => message.id));
      await this.#post.store.messages.remove(
        id,
        page.messages.map((message) => message.id).filter((one) => !kept.has(one)),
      );
      if (page.next === undefined) return gone;
      after = page.next;
    }
  }

  async #remove(id: string, folder: string, own: string): Promise<void> {
    const found = await this.#post.store.messages.named(id, nameOf(folder, own));
    await this.#post.store.messages.remove(
      id,
      found.map((message) => message.id),
    );
  }
}

function nameOf(folder: string, id: string): Buffer {
  return Buffer.from(`${folder}/${id}`);
}
