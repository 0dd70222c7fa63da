// Where the exits of a test network leave mail: a folder of files for each user, to be read with `postern mix decode`.

import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { toHex } from '../../base/bytes.ts';
import { codeOf } from '../../base/errors.ts';
import { replaceFile } from '../../base/files.ts';
import { sha1 } from '../../crypto/hash.ts';
import type { AddressOwner, Arrival } from '../../post/local-delivery.ts';

/** Nobody has it: the name is kept for tests. */
export const DOMAIN = 'mix.test';

const ADDRESS = new RegExp(`^([a-z][a-z0-9-]{0,30})@${DOMAIN.replace('.', '\\.')}$`);

export class Mailroom implements AddressOwner {
  readonly name = 'testnet';
  readonly #folder: string;
  #arrived = Promise.withResolvers<void>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  async owns(address: string): Promise<boolean> {
    return ADDRESS.test(address);
  }

  async deliver({ to, message, once }: Arrival): Promise<'stored' | 'duplicate' | 'unknown'> {
    const [, user] = ADDRESS.exec(to) ?? [];
    if (user === undefined) return 'unknown';
    const known = await this.#list(user);
    const digest = toHex(sha1(once ?? message)).slice(0, 12);
    if (known.some((name) => name.includes(digest))) return 'duplicate';
    await mkdir(this.folderOf(user), { recursive: true });
    const name = `${String(known.length + 1).padStart(4, '0')}-${digest}.txt`;
    await replaceFile(join(this.folderOf(user), name), message);
    this.#arrived.resolve();
    this.#arrived = Promise.withResolvers();
    return 'stored';
  }

  folderOf(user: string): string {
    return join(this.#folder, user);
  }

  /** What has come for a user, the oldest first. */
  async mails(user: string): Promise<Buffer[]> {
    const names = await this.#list(user);
    return await Promise.all(names.map((name) => readFile(join(this.folderOf(user), name))));
  }

  /** Resolves with all mails of a user when there are more than `seen`. Rejects when the signal is aborted before. */
  async next(user: string, seen: number, signal: AbortSignal): Promise<Buffer[]> {
    const given = Promise.withResolvers<never>();
    const giveUp = () => given.reject(signal.reason);
    signal.addEventListener('abort', giveUp);
    try {
      for (;;) {
        signal.throwIfAborted();
        const arrived = this.#arrived.promise;
        const mails = await this.mails(user);
        if (mails.length > seen) return mails;
        await Promise.race([arrived, given.promise]);
      }
    } finally {
      given.promise.catch(() => {});
      signal.removeEventListener('abort', giveUp);
    }
  }

  async #list(user: string): Promise<string[]> {
    try {
      return (await readdir(this.folderOf(user))).filter((name) => name.endsWith('.txt')).sort();
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return [];
      throw error;
    }
  }
}
