// Secrets at rest: what the store holds of them can be read only with a key that lies in a file beside it.   spec: immp 2.6

import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../../base/errors.ts';
import { replaceFile } from '../../base/files.ts';
import type { Random } from '../../base/random.ts';
import { ImmpError } from '../errors.ts';

const FILE = 'secrets.key';
const KEY_OCTETS = 32;
const NONCE_OCTETS = 12;
const TAG_OCTETS = 16;

export class Vault {
  readonly #key: Buffer;
  readonly #random: Random;

  private constructor(key: Buffer, random: Random) {
    this.#key = key;
    this.#random = random;
  }

  /** Reads the key in `folder`, or makes one there, mode 0600. */
  static async open(folder: string, random: Random): Promise<Vault> {
    const path = join(folder, FILE);
    const kept = await readFile(path).catch((error: unknown) => {
      if (codeOf(error) !== 'ENOENT') throw error;
    });
    if (kept?.length === KEY_OCTETS) return new Vault(kept, random);
    if (kept !== undefined) {
      throw new ImmpError('key-file', `${FILE} is not a key of ${KEY_OCTETS} octets`, {
        remedy: 'restore it from a backup',
      });
    }
    const key = random.bytes(KEY_OCTETS);
    await replaceFile(path, key);
    return new Vault(key, random);
  }

  /** Bound to its `owner`, so that it cannot be put in another's place. */
  seal(owner: string, secret: Uint8Array): Buffer {
    const nonce = this.#random.bytes(NONCE_OCTETS);
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce).setAAD(Buffer.from(owner));
    const sealed = Buffer.concat([cipher.update(secret), cipher.final()]);
    return Buffer.concat([nonce, sealed, cipher.getAuthTag()]);
  }

  /** Throws ImmpError `key-file` when it was sealed with another key. */
  open(owner: string, sealed: Uint8Array): Buffer {
    const nonce = sealed.subarray(0, NONCE_OCTETS);
    const decipher = createDecipheriv('aes-256-gcm', this.#key, nonce).setAAD(Buffer.from(owner));
    try {
      decipher.setAuthTag(sealed.subarray(-TAG_OCTETS));
      const text = decipher.update(sealed.subarray(NONCE_OCTETS, -TAG_OCTETS));
      return Buffer.concat([text, decipher.final()]);
    } catch (cause) {
      throw new ImmpError('key-file', `a stored secret does not open with ${FILE}`, {
        cause,
        remedy: 'restore that file from the backup that the store came from',
      });
    }
  }

  /** `count` octets, up to 32, that look random and are always the same for one name. */
  derive(name: string, count: number): Buffer {
    return createHmac('sha256', this.#key).update(name).digest().subarray(0, count);
  }
}
