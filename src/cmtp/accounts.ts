// Who has an account here, and with which keys. All changes go through the one `Accounts` of a store, which therefore may remember.
// spec: cmtp 9 D22, D23

import { asBuffer, equalBytes } from '../base/bytes.ts';
import { PosternError } from '../base/errors.ts';
import { Recent } from '../base/recent.ts';
import { SECOND, startOfDay } from '../base/time.ts';
import type { Post } from '../post/post.ts';
import type { Quota, Store } from '../store/store.ts';
import { checkPublicKey, PUBLIC_KEY_LENGTH } from './crypto/keys.ts';
import { isXzibit, XZIBIT_LENGTH } from './crypto/xzibit.ts';
import { isName } from './wire/names.ts';
import type { UserKeys } from './wire/proofs.ts';

/** Of an account's name, in octets: less than the wire can carry, since it also names a mailbox and a file. */
const MAX_ACCOUNT = 200;
const MAX_KEYS = 1000;
const REMEMBERED = 10_000;
const MAILBOXES = 'cmtp/account/';
const KEYS = 'keys';
const ENTRY = PUBLIC_KEY_LENGTH + XZIBIT_LENGTH + 8;
const CHANGE_TRIES = 5;
const PAGE = 500;

/** The mailbox of an account in the store; of the empty one, the server's own. */
export function mailboxOf(account: string): string {
  return MAILBOXES + account;
}

/** Keys of an account, and the day since when it has them. */
export interface DatedKeys {
  readonly publicKey: Buffer;
  readonly xzibit: Buffer;
  /** Milliseconds since 1970, a midnight. */
  readonly since: number;
}

export interface Account extends DatedKeys {
  readonly name: string;
  /** What it had before, the oldest first: for export alone. */
  readonly former: readonly DatedKeys[];
}

export class AccountError extends PosternError<'name' | 'keys' | 'exists' | 'unknown' | 'invitation'> {}

const ofStore = new WeakMap<Store, Accounts>();

/** The accounts in a post's store: the same object for everybody who asks. */
export function accountsOf(post: Pick<Post, 'store' | 'clock'>): Accounts {
  let accounts = ofStore.get(post.store);
  if (accounts === undefined) {
    accounts = new Accounts(post);
    ofStore.set(post.store, accounts);
  }
  return accounts;
}

export class Accounts {
  readonly #store: Store;
  readonly #clock: Post['clock'];
  readonly #known = new Recent<string, Account>(REMEMBERED);
  /** Grows with each change, so that what was read before one is not remembered after it. */
  #changes = 0;

  constructor({ store, clock }: Pick<Post, 'store' | 'clock'>) {
    this.#store = store;
    this.#clock = clock;
  }

  /** The account of exactly this name: the same object until its keys change. */
  async get(name: string): Promise<Account | undefined> {
    const known = this.#known.get(name);
    if (known !== undefined || !isAccountName(name)) return known;
    const before = this.#changes;
    const stored = await this.#store.documents.get(mailboxOf(name), KEYS);
    if (stored === undefined) return undefined;
    const account = parse(name, stored.value);
    if (before === this.#changes) this.#known.set(name, account);
    return account;
  }

  /** Throws AccountError `name`, `keys` or `exists`. */
  async add(name: string, keys: UserKeys, quota: Quota): Promise<void> {
    if (!isAccountName(name)) throw badName(name);
    const documents = { [KEYS]: this.#entry(keys) };
    const made = await this.#store.mailboxes.create({ id: mailboxOf(name), quota, documents });
    if (!made) throw new AccountError('exists', `there is an account ${name} already`);
    this.#changed(name);
  }

  /**
   * Gives it other keys. The former ones are kept; but a new xzibit of the same key, which is a new passphrase, takes the old one's
   * place. Throws AccountError `keys` or `unknown`.   spec: cmtp 9 D22
   */
  async rotate(name: string, keys: UserKeys): Promise<void> {
    const entry = this.#entry(keys);
    for (let tries = 0; tries < CHANGE_TRIES; tries += 1) {
      const stored = await this.#store.documents.get(mailboxOf(name), KEYS);
      if (stored === undefined) throw unknown(name);
      const same = equalBytes(parse(name, stored.value).publicKey, keys.publicKey);
      const kept = same ? stored.value.subarray(0, -ENTRY) : stored.value;
      if (kept.length / ENTRY >= MAX_KEYS) throw new AccountError('keys', `${name} has had ${MAX_KEYS} keys already`);
      const value = Buffer.concat([kept, entry]);
      const version = await this.#store.documents.put(mailboxOf(name), KEYS, value, stored.version);
      this.#changed(name);
      if (version !== undefined) return;
    }
    throw new AccountError('keys', `the keys of ${name} are being changed by somebody else`);
  }

  /** Removes it with all its mail. Throws AccountError `unknown`. */
  async remove(name: string): Promise<void> {
    const removed = isAccountName(name) && (await this.#store.mailboxes.remove(mailboxOf(name)));
    this.#changed(name);
    if (!removed) throw unknown(name);
  }

  /** All names, in order. */
  async *names(): AsyncGenerator<string> {
    for (let after = mailboxOf(''); ; ) {
      const ids = await this.#store.mailboxes.list({ prefix: MAILBOXES, after, limit: PAGE });
      for (const id of ids) yield id.slice(MAILBOXES.length);
      const last = ids.at(-1);
      if (last === undefined) return;
      after = last;
    }
  }

  #entry({ publicKey, xzibit }: UserKeys): Buffer {
    checkPublicKey(publicKey);
    if (!isXzibit(xzibit)) throw new AccountError('keys', `an xzibit has ${XZIBIT_LENGTH} octets and version 1`);
    const since = Buffer.alloc(8);
    since.writeBigUInt64BE(BigInt(startOfDay(this.#clock.now()) / SECOND));
    return Buffer.concat([publicKey, xzibit, since]);
  }

  #changed(name: string): void {
    this.#changes += 1;
    this.#known.delete(name);
  }
}

function isAccountName(name: string): boolean {
  return isName(name) && Buffer.byteLength(name) <= MAX_ACCOUNT;
}

function parse(name: string, octets: Buffer): Account {
  const entries: DatedKeys[] = [];
  for (let at = 0; at < octets.length; at += ENTRY) {
    const entry = asBuffer(Uint8Array.from(octets.subarray(at, at + ENTRY)));
    entries.push({
      publicKey: entry.subarray(0, PUBLIC_KEY_LENGTH),
      xzibit: entry.subarray(PUBLIC_KEY_LENGTH, PUBLIC_KEY_LENGTH + XZIBIT_LENGTH),
      since: Number(entry.readBigUInt64BE(ENTRY - 8)) * SECOND,
    });
  }
  const newest = entries.pop();
  if (newest === undefined) throw new AccountError('keys', 'an account in the store has no keys');
  return { name, ...newest, former: entries };
}

function badName(name: string): AccountError {
  return new AccountError('name', `${JSON.stringify(name)} cannot be the name of an account`, {
    remedy: `take 1 to ${MAX_ACCOUNT} octets without slashes and control characters, and no dot in front`,
  });
}

function unknown(name: string): AccountError {
  return new AccountError('unknown', `there is no account ${name}`);
}
