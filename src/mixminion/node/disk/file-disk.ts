// The files of a node in a folder of the system, each of mode 0600.

import { fdatasync, readSync, writeSync } from 'node:fs';
import { constants, type FileHandle, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { syncFolder } from '../../../base/files.ts';
import type { Disk, DiskFile } from './disk.ts';
import { KeepingError } from './errors.ts';

const OWNER_ONLY = 0o600;
const syncData = promisify(fdatasync);

/** The files in `folder`, which must be there. Errors of the file system pass through. */
export function fileDisk(folder: string): Disk {
  return {
    list: () => readdir(folder),
    async open(name) {
      const handle = await open(join(folder, name), constants.O_RDWR | constants.O_CREAT, OWNER_ONLY);
      await syncFolder(folder);
      return new OpenFile(handle, (await handle.stat()).size);
    },
    remove: (name) => rm(join(folder, name), { force: true }),
  };
}

class OpenFile implements DiskFile {
  readonly #handle: FileHandle;
  #size: number;

  constructor(handle: FileHandle, size: number) {
    this.#handle = handle;
    this.#size = size;
  }

  get size(): number {
    return this.#size;
  }

  async append(parts: readonly Uint8Array[]): Promise<void> {
    const length = parts.reduce((sum, part) => sum + part.byteLength, 0);
    const { bytesWritten } = await this.#handle.writev(parts, this.#size);
    if (bytesWritten !== length) throw new KeepingError('io', 'the disk took only a part of what was written');
    this.#size += length;
  }

  async read(position: number, length: number): Promise<Buffer> {
    const { buffer, bytesRead } = await this.#handle.read(Buffer.allocUnsafeSlow(length), 0, length, position);
    return buffer.subarray(0, bytesRead);
  }

  readNow(target: Uint8Array, position: number): number {
    return readSync(this.#handle.fd, target, 0, target.byteLength, position);
  }

  writeNow(octets: Uint8Array, position: number): void {
    if (writeSync(this.#handle.fd, octets, 0, octets.byteLength, position) !== octets.byteLength)
      throw new KeepingError('io', 'the disk took only a part of what was written');
    this.#size = Math.max(this.#size, position + octets.byteLength);
  }

  async sync(): Promise<void> {
    await syncData(this.#handle.fd);
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}
