// The OpenPGP key of this domain: made once, kept in a file of the counter's folder.   spec: immp 1.9, 2.8

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PrivateKey } from 'openpgp';
import { codeOf } from '../../base/errors.ts';
import { replaceFile } from '../../base/files.ts';
import { makeKey, readOwnKey } from './openpgp.ts';

export class OwnKey {
  readonly #folder: string;
  #domain = '';
  #key: Promise<PrivateKey> | undefined;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Makes one when there is none. Throws ImmpError `openpgp` when the file holds something else. */
  get(domain: string, now: number): Promise<PrivateKey> {
    if (this.#domain !== domain) this.#key = undefined;
    this.#domain = domain;
    this.#key ??= this.#read(domain, now).catch((error) => {
      this.#key = undefined;
      throw error;
    });
    return this.#key;
  }

  async #read(domain: string, now: number): Promise<PrivateKey> {
    const file = join(this.#folder, `openpgp-${domain}.asc`);
    const kept = await readFile(file, 'utf8').catch((error: unknown) => {
      if (codeOf(error) !== 'ENOENT') throw error;
    });
    if (kept !== undefined) return readOwnKey(kept);
    const made = await makeKey(`mailer-daemon@${domain}`, now);
    await replaceFile(file, made);
    return readOwnKey(made);
  }
}
