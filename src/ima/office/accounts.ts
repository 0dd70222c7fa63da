// The accounts of an office: documents of the store beside the mailbox directories, which hold the mail.   spec: ima 2.6, 2.8

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Desk } from '../../post/control.ts';
import type { Post } from '../../post/post.ts';
import { ImaError } from '../errors.ts';
import { makeMailbox } from '../mailbox/layout.ts';
import { mailboxPath } from '../mailbox/place.ts';
import type { ImaSettings } from '../settings.ts';
import { AUTH_WAYS, type User, type Users } from '../users/users.ts';
import { isAddress, sameForm } from '../wire/names.ts';

const OWNER = 'ima/accounts';
/** The folder of all mailboxes in the counter's own. */
export const MAILBOXES = 'mailboxes';
/** Bodies do not count here: the store holds what mirrors the directories. */
const MIRROR_QUOTA = { bytes: Number.MAX_SAFE_INTEGER, messages: Number.MAX_SAFE_INTEGER };

const stored = z.strictObject({
  address: z.string(),
  auth: z.enum(AUTH_WAYS),
  password: z.string().optional(),
  keys: z.array(z.string()),
  keepSent: z.boolean(),
});
type Stored = z.infer<typeof stored>;

export class Accounts implements Users {
  readonly #post: Pick<Post, 'store'>;
  /** The folder of all mailboxes. */
  readonly #mailboxes: string;
  readonly #hostparts: () => readonly string[];

  constructor(post: Pick<Post, 'store'>, mailboxes: string, hostparts: () => readonly string[]) {
    this.#post = post;
    this.#mailboxes = mailboxes;
    this.#hostparts = hostparts;
  }

  async find(name: string): Promise<User | undefined> {
    const candidates = isAddress(name) ? [name] : this.#hostparts().map((host) => `${name}@${host}`);
    const found = await Promise.all(candidates.map((address) => this.get(address)));
    const users = found.filter((user) => user !== undefined);
    return users.length === 1 ? users[0] : undefined;
  }

  async get(address: string): Promise<User | undefined> {
    if (!isAddress(address)) return undefined;
    const document = await this.#post.store.documents.get(OWNER, sameForm(address));
    if (document === undefined) return undefined;
    const { password, ...account } = stored.parse(JSON.parse(document.value.toString()));
    return { ...account, password, mailbox: mailboxPath(this.#mailboxes, account.address) };
  }

  /** Throws ImaError `exists`, or `usage` when the address is none of this office. */
  async add(account: Stored): Promise<void> {
    const { address } = account;
    if (!isAddress(address)) throw new ImaError('usage', `${address} is no address`);
    const host = sameForm(address).slice(address.lastIndexOf('@') + 1);
    if (!this.#hostparts().includes(host)) {
      throw new ImaError('usage', `${host} is not a domain of this office`, {
        remedy: `its domains: ${this.#hostparts().join(', ')}; others are added to ima.hostparts in postern.toml`,
      });
    }
    const added = await this.#post.store.documents.put(OWNER, sameForm(address), octets(account), 0);
    if (added === undefined) throw new ImaError('exists', `there is an account ${address} already`);
    await this.#post.store.mailboxes.create({ id: mirrorOf(address), quota: MIRROR_QUOTA });
    await makeMailbox(mailboxPath(this.#mailboxes, address));
  }

  /** Throws ImaError `unknown`. */
  async change(address: string, change: (account: Stored) => Stored): Promise<void> {
    const document = await this.#post.store.documents.get(OWNER, sameForm(address));
    if (document === undefined) throw new ImaError('unknown', `there is no account ${address}`);
    const account = change(stored.parse(JSON.parse(document.value.toString())));
    await this.#post.store.documents.put(OWNER, sameForm(address), octets(account), document.version);
  }

  /** With all its mail. Throws ImaError `unknown`. */
  async remove(address: string): Promise<void> {
    const user = await this.get(address);
    if (user === undefined) throw new ImaError('unknown', `there is no account ${address}`);
    await this.#post.store.documents.remove(OWNER, sameForm(address));
    await this.#post.store.mailboxes.remove(mirrorOf(address));
    await rm(user.mailbox, { recursive: true, force: true });
  }

  /** Where each has its mail. */
  async mailboxes(): Promise<{ address: string; path: string }[]> {
    return (await this.list()).map((address) => ({ address, path: mailboxPath(this.#mailboxes, address) }));
  }

  /** In order. */
  list(): Promise<string[]> {
    return this.#post.store.documents.list(OWNER);
  }
}

/** For what an operator asks. */
export function accountsOf({ post, folder, settings, hostname }: Desk<ImaSettings>): Accounts {
  return new Accounts(post, join(folder, MAILBOXES), () => hostpartsOf(settings, hostname));
}

/** Our domains: those of the settings, or the office's own name. */
export function hostpartsOf({ hostparts }: ImaSettings, hostname: string): readonly string[] {
  return hostparts.length > 0 ? hostparts : [hostname.toLowerCase()];
}

/** The store's mailbox that mirrors an account's. */
export function mirrorOf(address: string): string {
  return `ima/${sameForm(address)}`;
}

function octets(account: Stored): Buffer {
  return Buffer.from(JSON.stringify(account));
}
