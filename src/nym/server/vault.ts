// A nym in the store: its record, its sealed mail, and its synopses, which lie open for a while and then in sealed sets.

import { fromHex, toHex } from '../../base/bytes.ts';
import { sha1 } from '../../crypto/hash.ts';
import type { Post } from '../../post/post.ts';
import type { Message } from '../../store/messages.ts';
import type { Quota } from '../../store/store.ts';
import type { Synopsis } from '../synopsis.ts';
import type { Curtain } from './curtain.ts';
import { type NymRecord, readRecord, writeRecord } from './record.ts';

const PREFIX = 'nym/';
const RECORD = 'record';
const OPEN = 'synopsis/';
const SET = 'set/';
/** Where mail lies that was not sent in full. */
const WAITING = 'inbox';
const SENT = 'sent';
/** A synopsis whose key is gone, because the server was away for long: its mail is still there. */
const LOST = Buffer.from('X-Octets: 0\n\n');
const STORE_ID = 16;
const KEY = 16;
/** Mails that are looked at when something is to be sent; more are waiting only for reply blocks. */
const MOST = 500;

export interface SealedMail {
  /** 20 octets. */
  readonly id: Buffer;
  /** Larger than that of every mail before. */
  readonly place: number;
  readonly received: number;
  readonly size: number;
}

/** A synopsis that was not sealed yet. */
export interface OpenSynopsis extends Synopsis {
  /** When its mail came. */
  readonly received: number;
  readonly key: string;
}

export class Vault {
  readonly #post: Pick<Post, 'store' | 'random'>;
  readonly #curtain: Curtain | undefined;

  /** Without a curtain nothing can be added, and no open synopsis be read: that is enough to look at the rest. */
  constructor(post: Pick<Post, 'store' | 'random'>, curtain?: Curtain) {
    this.#post = post;
    this.#curtain = curtain;
  }

  /** The owner of a nym's documents, and the mailbox of its mail. */
  idOf(nym: string): string {
    return PREFIX + nym;
  }

  /** False when the name is taken. */
  create(nym: string, record: NymRecord, quota: Quota): Promise<boolean> {
    const documents = { [RECORD]: writeRecord(record) };
    return this.#post.store.mailboxes.create({ id: this.idOf(nym), quota, documents });
  }

  async record(nym: string): Promise<NymRecord | undefined> {
    const found = await this.#post.store.documents.get(this.idOf(nym), RECORD);
    return found && readRecord(found.value);
  }

  async save(nym: string, record: NymRecord): Promise<void> {
    await this.#post.store.documents.put(this.idOf(nym), RECORD, writeRecord(record));
  }

  /** All of it: keys, mail, synopses, reply blocks. */
  async remove(nym: string): Promise<void> {
    await this.#post.store.mailboxes.remove(this.idOf(nym));
  }

  /** Names from the first after `after`, in order. */
  async list(after: string, limit: number): Promise<string[]> {
    const ids = await this.#post.store.mailboxes.list({ prefix: PREFIX, after: PREFIX + after, limit });
    return ids.map((id) => id.slice(PREFIX.length));
  }

  async usage(nym: string): Promise<{ used: Quota; quota: Quota } | undefined> {
    return this.#post.store.mailboxes.get(this.idOf(nym));
  }

  /** Keeps sealed mail with its open synopsis. The synopsis goes first: one without mail is cleared away later. */
  async add(
    nym: string,
    mail: { sealed: Buffer; synopsis: Buffer; received: number; once: Buffer; until: number },
  ): Promise<'stored' | 'duplicate' | 'full' | 'no-mailbox'> {
    const { store, random } = this.#post;
    const key = toHex(random.bytes(KEY));
    if (this.#curtain === undefined) throw new RangeError('no curtain to hide synopses behind');
    await store.documents.put(this.idOf(nym), OPEN + key, await this.#curtain.hide(mail.synopsis, mail.received));
    const { status } = await store.messages.append(this.idOf(nym), {
      body: mail.sealed,
      arrived: mail.received,
      folder: WAITING,
      index: Buffer.from(JSON.stringify({ synopsis: key })),
      once: { key: mail.once, until: mail.until },
    });
    if (status !== 'stored') await store.documents.remove(this.idOf(nym), OPEN + key);
    return status;
  }

  /** Mail that was not sent in full, oldest first. */
  async waiting(nym: string): Promise<SealedMail[]> {
    const { messages } = await this.#post.store.messages.page(this.idOf(nym), { folder: WAITING, limit: MOST });
    return messages.map(sealedMail);
  }

  /** Mail that was sent and is kept until its holder deletes it, oldest first. */
  async kept(nym: string): Promise<SealedMail[]> {
    const { messages } = await this.#post.store.messages.page(this.idOf(nym), { folder: SENT, limit: MOST });
    return messages.map(sealedMail);
  }

  async find(nym: string, id: Buffer): Promise<SealedMail | undefined> {
    const key = storeIdOf(id);
    const message = key === undefined ? undefined : await this.#post.store.messages.find(this.idOf(nym), key);
    return message && sealedMail(message);
  }

  /** The octets as they were sealed; undefined when the mail is gone. */
  async read(nym: string, id: Buffer): Promise<Buffer | undefined> {
    const key = storeIdOf(id);
    const octets = key === undefined ? undefined : await this.#post.store.messages.read(this.idOf(nym), key);
    return octets && Buffer.concat(await Array.fromAsync(octets.chunks));
  }

  async markSent(nym: string, id: Buffer): Promise<void> {
    const key = storeIdOf(id);
    if (key !== undefined) await this.#post.store.messages.move(this.idOf(nym), key, SENT);
  }

  /** Ids of those that were there. An open synopsis goes with its mail. */
  async drop(nym: string, ids: readonly Buffer[]): Promise<void> {
    const { store } = this.#post;
    for (const id of ids) {
      const key = storeIdOf(id);
      const message = key === undefined ? undefined : await store.messages.find(this.idOf(nym), key);
      if (message === undefined) continue;
      await store.documents.remove(this.idOf(nym), OPEN + indexOf(message).synopsis);
      await store.messages.remove(this.idOf(nym), [message.id]);
    }
  }

  /** Open synopses with the time at which their mail came, oldest first. Those whose mail is gone are cleared away. */
  async openSynopses(nym: string): Promise<OpenSynopsis[]> {
    const { store } = this.#post;
    const keys = (await store.documents.list(this.idOf(nym))).filter((name) => name.startsWith(OPEN));
    if (keys.length === 0) return [];
    const owners = new Map<string, Message>();
    for (const folder of [WAITING, SENT]) {
      const { messages } = await store.messages.page(this.idOf(nym), { folder, limit: MOST });
      for (const message of messages) owners.set(OPEN + indexOf(message).synopsis, message);
    }
    const found: (OpenSynopsis & { readonly place: number })[] = [];
    for (const key of keys) {
      const [message, document] = [owners.get(key), await store.documents.get(this.idOf(nym), key)];
      if (message === undefined) await store.documents.remove(this.idOf(nym), key);
      else if (document !== undefined) {
        const { id, received, place } = sealedMail(message);
        found.push({ id, received, key, text: this.#curtain?.show(document.value) ?? LOST, place });
      }
    }
    return found.sort((a, b) => a.place - b.place);
  }

  /** Puts a sealed set in the place of the open synopses in it. */
  async sealSet(nym: string, number: number, sealed: Buffer, keys: readonly string[]): Promise<void> {
    await this.#post.store.documents.put(this.idOf(nym), SET + number, sealed);
    for (const key of keys) await this.#post.store.documents.remove(this.idOf(nym), key);
  }

  async readSet(nym: string, number: number): Promise<Buffer | undefined> {
    return (await this.#post.store.documents.get(this.idOf(nym), SET + number))?.value;
  }

  async removeSet(nym: string, number: number): Promise<void> {
    await this.#post.store.documents.remove(this.idOf(nym), SET + number);
  }
}

function sealedMail(message: Message): SealedMail {
  return { id: mailIdOf(message.id), place: message.uid, received: message.arrived, size: message.size };
}

function indexOf({ index }: Message): { synopsis: string } {
  return JSON.parse(index.toString());
}

/** The store's id, which is as good as random, and four octets that tell it from any other 20.   spec: mixminion-nym 1 */
function mailIdOf(storeId: string): Buffer {
  const id = Buffer.from(storeId, 'hex');
  return Buffer.concat([id, sha1(id).subarray(0, 4)]);
}

function storeIdOf(id: Buffer): string | undefined {
  const key = toHex(id.subarray(0, STORE_ID));
  return mailIdOf(key).equals(id) && fromHex(key) !== undefined ? key : undefined;
}
