// Accounts and shared mailboxes as the store has them: a mailbox each, with one document that says whose it is.   spec: immp 2.9, 3

import * as z from 'zod';
import type { Post } from '../post/post.ts';
import type { Mailbox, Quota } from '../store/store.ts';
import { ImmpError } from './errors.ts';
import { SHOWABLE } from './mail/sealing.ts';
import { accountName, type Imid, imid } from './wire/imid.ts';

const PREFIX = 'immp/';
const DOCUMENT = 'account';
const CHANGE_TRIES = 5;

/** Folders that every mailbox has and that stay.   spec: immp 2.9 */
export const FIXED_FOLDERS = ['inbox', 'drafts', 'sent', 'junk', 'push'] as const;

export const accountShape = z.object({
  /** For a shared mailbox: its members by the name below it, each with the account that uses it. */
  members: z.record(z.string(), z.string()).default({}),
  /** For a shared mailbox: the account that may change its members. */
  owner: z.string().optional(),
  /** Other mailboxes that the account may use as its own. */
  links: z.array(z.string()).default([]),
  title: z.string().default(''),
  /** A copy of what arrives goes there too. */
  forward: z.string().default(''),
  block: z.array(z.string()).default([]),
  approve: z.array(z.string()).default([]),
  /** Who else may write to the mailing lists of the account. */
  posters: z.array(z.string()).default([]),
  /** OpenPGP, armoured, in base64. */
  pubkey: z.string().default(''),
  /** What the mailbox may show of messages that are sealed to that key. */
  show: z.array(z.enum(SHOWABLE)).default([]),
});

export type Account = z.infer<typeof accountShape>;

/** Who gets what is sent to an IMID. */
export interface Recipient {
  /** The account's normal name. */
  readonly name: string;
  readonly account: Account;
}

/** The mailbox's id in the store, of an account's normal name. */
export function idOf(account: string): string {
  return PREFIX + account;
}

export class Accounts {
  readonly #post: Pick<Post, 'store'>;

  constructor(post: Pick<Post, 'store'>) {
    this.#post = post;
  }

  /** False when there is one of that name. */
  async create(name: string, quota: Quota, first: Partial<Account> = {}): Promise<boolean> {
    const document = Buffer.from(JSON.stringify(accountShape.parse(first)));
    const { mailboxes } = this.#post.store;
    const made = await mailboxes.create({ id: idOf(name), quota, documents: { [DOCUMENT]: document } });
    if (made) for (const folder of FIXED_FOLDERS) await mailboxes.createFolder(idOf(name), folder);
    return made;
  }

  async get(name: string): Promise<Account | undefined> {
    const found = await this.#post.store.documents.get(idOf(name), DOCUMENT);
    return found && accountShape.parse(JSON.parse(found.value.toString()));
  }

  mailbox(name: string): Promise<Mailbox | undefined> {
    return this.#post.store.mailboxes.get(idOf(name));
  }

  /** Changes what `change` gives back, however many change it at once. Throws ImmpError `no-account`. */
  async change(name: string, change: (account: Account) => Partial<Account>): Promise<void> {
    const { documents } = this.#post.store;
    for (let tries = 0; tries < CHANGE_TRIES; tries += 1) {
      const found = await documents.get(idOf(name), DOCUMENT);
      if (found === undefined) throw new ImmpError('no-account', `there is no mailbox ${name}`);
      const before = accountShape.parse(JSON.parse(found.value.toString()));
      const after = Buffer.from(JSON.stringify({ ...before, ...change(before) }));
      if ((await documents.put(idOf(name), DOCUMENT, after, found.version)) !== undefined) return;
    }
    throw new ImmpError('account', `${name} is being changed by others all the time`);
  }

  remove(name: string): Promise<boolean> {
    return this.#post.store.mailboxes.remove(idOf(name));
  }

  /** In order of name. */
  async list(after: string, limit: number): Promise<string[]> {
    const ids = await this.#post.store.mailboxes.list({ prefix: PREFIX, after: idOf(after), limit });
    return ids.map((id) => id.slice(PREFIX.length));
  }

  /** Whether `account` may use the mailbox `name`: its own, one it is linked to, one it is a member of.   spec: immp 2.9 */
  async mayUse(account: string, name: string): Promise<boolean> {
    if (account === name) return true;
    if ((await this.get(account))?.links.includes(name)) return true;
    const [shared, member] = sharedOf(name);
    const members = (await this.get(shared))?.members ?? {};
    return member === undefined ? Object.values(members).includes(account) : members[member] === account;
  }

  /** The mailbox that mail for `to` goes into: its own, or the shared one that it is below; undefined when nobody has it. */
  async recipient(to: Imid): Promise<Recipient | undefined> {
    const name = accountName(to);
    const account = await this.get(name);
    if (account) return { name, account };
    const [shared, member] = sharedOf(name);
    // Mail for a member that is not there goes to the group.   spec: immp 2.9
    const group = member === undefined ? undefined : await this.get(shared);
    return group?.owner === undefined ? undefined : { name: shared, account: group };
  }
}

/** `helpdesk/alice@domain.com` is alice below `helpdesk@domain.com`; a name without `/` is nobody's. */
function sharedOf(name: string): [shared: string, member: string | undefined] {
  const [, group, member, domain] = /^(.*)\/([^/]*)@(.*)$/.exec(name) ?? [];
  return group === undefined ? [name, undefined] : [`${group}@${domain}`, member];
}

/** The normal name of an account as an operator writes it. Throws ImmpError `account`. */
export function readAccountName(text: string, domain: string): string {
  const read = imid.read(text.includes('@') ? text : `${text}@${domain}`);
  if (read === undefined || read.tag !== undefined || read.domain.toLowerCase() !== domain) {
    throw new ImmpError('account', `${text} is no name of an account at ${domain}`, {
      remedy: `write NAME or NAME@${domain}: letters, digits and . - _ ~, at most 64 of them`,
    });
  }
  return accountName(read);
}
