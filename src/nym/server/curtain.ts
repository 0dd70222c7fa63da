// Synopses lie readable for at most a day. A store may keep old octets in its logs for longer, and so may a disk; so what the store
// gets is hidden under a key that changes every hour, and that is destroyed when its time is over.   spec: mixminion-nym 6.3

import { createCipheriv, createDecipheriv } from 'node:crypto';
import { mkdir, open, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../../base/errors.ts';
import { replaceFile } from '../../base/files.ts';
import type { Random } from '../../base/random.ts';
import { DAY, HOUR } from '../../base/time.ts';

/** How long a synopsis stays as it is, whatever its nymholder says. */
export const LONGEST_OPEN = DAY;
const OWNER_ONLY = 0o700;
const CIPHER = 'aes-256-gcm';
const KEY = 32;
const NONCE = 12;
const TAG = 16;
const HOUR_FIELD = 4;
/** Every synopsis is sealed by then, and the server had time for it after a start. */
const KEPT = 2 * DAY;

export class Curtain {
  readonly #folder: string;
  readonly #random: Random;
  readonly #keys = new Map<number, Buffer>();
  readonly #since: number;
  #swept = 0;
  #making: Promise<unknown> = Promise.resolve();

  private constructor(folder: string, random: Random, since: number) {
    this.#folder = folder;
    this.#random = random;
    this.#since = since;
  }

  /** `folder` is made when it is missing; keep it out of backups. */
  static async open(folder: string, random: Random, now: number): Promise<Curtain> {
    await mkdir(folder, { recursive: true, mode: OWNER_ONLY });
    const curtain = new Curtain(folder, random, now);
    for (const name of await readdir(folder)) {
      const [, hour] = /^(\d{1,9})\.key$/.exec(name) ?? [];
      if (hour !== undefined) curtain.#keys.set(Number(hour), await readFile(join(folder, name)));
    }
    return curtain;
  }

  /** The octets as the store may have them; the key is durable before. */
  async hide(plain: Uint8Array, now: number): Promise<Buffer> {
    const hour = Math.floor(now / HOUR);
    const key = await this.#keyOf(hour, now);
    const nonce = this.#random.bytes(NONCE);
    const cipher = createCipheriv(CIPHER, key, nonce);
    const hidden = Buffer.concat([cipher.update(plain), cipher.final()]);
    const field = Buffer.alloc(HOUR_FIELD);
    field.writeUInt32BE(hour);
    return Buffer.concat([field, nonce, cipher.getAuthTag(), hidden]);
  }

  /** Undefined when its time is over, or when it was changed. */
  show(hidden: Buffer): Buffer | undefined {
    if (hidden.length < HOUR_FIELD + NONCE + TAG) return undefined;
    const key = this.#keys.get(hidden.readUInt32BE());
    if (key === undefined) return undefined;
    const body = HOUR_FIELD + NONCE;
    try {
      const decipher = createDecipheriv(CIPHER, key, hidden.subarray(HOUR_FIELD, body));
      decipher.setAuthTag(hidden.subarray(body, body + TAG));
      return Buffer.concat([decipher.update(hidden.subarray(body + TAG)), decipher.final()]);
    } catch {
      return undefined;
    }
  }

  /** Destroys keys whose time is over. To be called now and then. */
  async sweep(now: number): Promise<void> {
    if (now - this.#since < KEPT || now - this.#swept < HOUR) return;
    this.#swept = now;
    for (const hour of [...this.#keys.keys()].filter((old) => (old + 1) * HOUR + KEPT <= now)) {
      await destroy(this.#fileOf(hour));
      this.#keys.get(hour)?.fill(0);
      this.#keys.delete(hour);
    }
  }

  /** Those who come while the key of the hour is made wait for the same one. */
  async #keyOf(hour: number, now: number): Promise<Buffer> {
    const known = this.#keys.get(hour);
    if (known !== undefined) return known;
    const made = this.#making.then(async () => {
      const meanwhile = this.#keys.get(hour);
      if (meanwhile !== undefined) return meanwhile;
      await this.sweep(now);
      const key = this.#random.bytes(KEY);
      await replaceFile(this.#fileOf(hour), key);
      this.#keys.set(hour, key);
      return key;
    });
    this.#making = made.catch(() => {});
    return made;
  }

  #fileOf(hour: number): string {
    return join(this.#folder, `${hour}.key`);
  }
}

/** Overwritten before it is removed, for what that is worth on the disk at hand. */
async function destroy(path: string): Promise<void> {
  try {
    await using file = await open(path, 'r+');
    await file.write(Buffer.alloc(KEY), 0, KEY, 0);
    await file.sync();
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
  await rm(path, { force: true });
}
