// The store's picture of the mailbox directories, for whoever asks the store: headers, sizes and flags, brought up to date from the
// directories and never the other way.   spec: ima 2.7

import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { MINUTE } from '../../base/time.ts';
import { Turns } from '../../base/turns.ts';
import type { Post } from '../../post/post.ts';
import { READ } from '../../store/messages.ts';
import { ImaError } from '../errors.ts';
import type { MailFolder } from '../mailbox/folder.ts';
import { absent, foldersIn, placesIn } from '../mailbox/layout.ts';
import { Mailbox } from '../mailbox/mailbox.ts';
import type { Listed } from '../wire/imrp.ts';
import { formatBlock } from '../wire/message.ts';
import { mirrorOf } from './accounts.ts';

/** How often all mailboxes are looked at. */
const LOOK = MINUTE;

type MirrorPost = Pick<Post, 'store' | 'clock' | 'random' | 'log'>;

export interface Mirrored {
  readonly address: string;
  /** Of the mailbox directory. */
  readonly path: string;
}

export class Mirror {
  readonly #post: MirrorPost;
  readonly #turns = new Turns();
  /** What the mailboxes looked like when they were looked at last, by path. */
  readonly #traces = new Map<string, string>();
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
      .catch((error: unknown) => this.#failed(error));
  }

  /** Looks now and then at all mailboxes, where other programs come and go without a word to us, until the signal. */
  follow(all: () => Promise<readonly Mirrored[]>, signal: AbortSignal): void {
    let cancel = () => {};
    const arm = () => {
      if (signal.aborted) return;
      cancel = this.#post.clock.timer(LOOK, () => {
        void this.#turns
          .take('', async () => this.#lookAt(await all(), signal))
          .catch((error: unknown) => this.#failed(error))
          .then(arm);
      });
    };
    signal.addEventListener('abort', () => cancel());
    arm();
  }

  /** Resolves when nothing is under way. */
  idle(): Promise<void> {
    return this.#turns.idle();
  }

  /** One after the other, and only those in which something came or went since. */
  async #lookAt(all: readonly Mirrored[], signal: AbortSignal): Promise<void> {
    for (const { address, path } of all) {
      if (signal.aborted) return;
      const now = await traceOf(path);
      if (this.#traces.get(path) === now) continue;
      await this.#turns.take(mirrorOf(address), () => this.update(address, new Mailbox(path, this.#post)));
      this.#traces.set(path, now);
    }
  }

  #failed(error: unknown): void {
    this.#post.log.warn('ima.mirror-failed', { code: error instanceof ImaError ? error.code : 'store' });
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
    if (changes === undefined) await this.#dropOthers(id, name, messages);
    else for (const one of changes.gone) await this.#remove(id, name, one);
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

  /** Takes out of the picture what is not there, where the log does not say what went. */
  async #dropOthers(id: string, folder: string, there: readonly Listed[]): Promise<void> {
    const { messages } = this.#post.store;
    const known = await Promise.all(there.map((message) => messages.named(id, nameOf(folder, message.id))));
    const kept = new Set(known.flat().map((message) => message.id));
    for (let after: number | undefined; ; ) {
      const page = await messages.page(id, { folder, limit: 1000, ...(after === undefined ? {} : { after }) });
      const others = page.messages.map((message) => message.id).filter((one) => !kept.has(one));
      await messages.remove(id, others);
      if (page.next === undefined) return;
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

/** Another one when a message or a folder came or went, whoever did it. Flags that others change are found when their reader comes. */
async function traceOf(path: string): Promise<string> {
  const folders = await foldersIn(path);
  const times = await Promise.all(
    folders.map(async (name) => (await stat(placesIn(join(path, name)).msg, { bigint: true }).catch(absent))?.mtimeNs),
  );
  return folders.map((name, place) => `${name} ${times[place]}`).join('\n');
}

function nameOf(folder: string, id: string): Buffer {
  return Buffer.from(`${folder}/${id}`);
}
