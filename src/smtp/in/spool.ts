// Takes a message in as it comes: what is short stays in memory, what is long goes to a file that is gone after a crash, and is
// worthless to whoever finds it: its key is in memory alone. Counts, digests and looks at line ends on the way, so that the octets
// are gone through once.

import { createCipheriv, createDecipheriv, createHash } from 'node:crypto';
import { type FileHandle, mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { toHex } from '../../base/bytes.ts';
import type { Random } from '../../base/random.ts';
import { LineEnds } from '../header.ts';

/** Octets of one message that may be in memory while it arrives. */
const MAX_HELD = 256 * 1024;
const OWNER_ONLY = 0o600;
const CIPHER = 'aes-256-ctr';
const KEY_LENGTH = 32;
/** Each key serves one file. */
const COUNTER = Buffer.alloc(16);

export interface Spooled {
  readonly size: number;
  readonly sha256: Buffer;
  /** No CR and no LF stands alone. */
  readonly strict: boolean;
  /** It is so long that whoever reads it whole should wait for a place. */
  readonly long: boolean;
  /** The whole message. */
  read(): Promise<Buffer>;
  discard(): Promise<void>;
}

export class Spool {
  readonly #folder: string;
  readonly #random: Random;

  private constructor(folder: string, random: Random) {
    this.#folder = folder;
    this.#random = random;
  }

  /** `folder` is emptied: what lies there broke off, and nobody was told that it had arrived. */
  static async open(folder: string, random: Random): Promise<Spool> {
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return new Spool(folder, random);
  }

  /** Takes in all that comes; undefined when it is more than `limit` octets. What `chunks` throws passes through; nothing is kept then. */
  async take(chunks: AsyncIterable<Uint8Array>, limit: number): Promise<Spooled | undefined> {
    const held: Uint8Array[] = [];
    const digest = createHash('sha256');
    const lines = new LineEnds();
    let size = 0;
    let file: SpoolFile | undefined;
    const discard = async () => {
      await file?.remove();
      file = undefined;
    };
    try {
      for await (const chunk of chunks) {
        size += chunk.length;
        if (size > limit) {
          held.length = 0;
          continue; // to be told no, its sender has to be heard to the end (RFC 5321 4.1.1.4)
        }
        digest.update(chunk);
        lines.see(chunk);
        held.push(chunk);
        if (size <= MAX_HELD) continue;
        file ??= await this.#file();
        for (const octets of held.splice(0)) await file.write(octets);
      }
    } catch (error) {
      await discard();
      throw error;
    }
    if (size > limit) {
      await discard();
      return undefined;
    }
    return {
      size,
      sha256: digest.digest(),
      strict: lines.strict,
      long: file !== undefined,
      read: async () => file?.read(size) ?? Buffer.concat(held, size),
      discard,
    };
  }

  async #file(): Promise<SpoolFile> {
    const path = join(this.#folder, toHex(this.#random.bytes(12)));
    return new SpoolFile(await open(path, 'wx+', OWNER_ONLY), path, this.#random.bytes(KEY_LENGTH));
  }
}

class SpoolFile {
  readonly #handle: FileHandle;
  readonly #path: string;
  readonly #key: Uint8Array;
  readonly #cipher;

  constructor(handle: FileHandle, path: string, key: Uint8Array) {
    [this.#handle, this.#path, this.#key] = [handle, path, key];
    this.#cipher = createCipheriv(CIPHER, key, COUNTER);
  }

  async write(octets: Uint8Array): Promise<void> {
    const sealed = this.#cipher.update(octets);
    for (let at = 0; at < sealed.length; ) at += (await this.#handle.write(sealed, at)).bytesWritten;
  }

  async read(size: number): Promise<Buffer> {
    const sealed = Buffer.allocUnsafe(size);
    for (let at = 0; at < size; ) {
      const { bytesRead } = await this.#handle.read(sealed, at, size - at, at);
      if (bytesRead === 0) throw new Error('the spool file is shorter than what was written');
      at += bytesRead;
    }
    return createDecipheriv(CIPHER, this.#key, COUNTER).update(sealed);
  }

  async remove(): Promise<void> {
    await this.#handle.close();
    await rm(this.#path, { force: true });
  }
}
