// Files in memory, for simulations: they lose in a crash what was not synced, as a machine does whose power fails.

import type { Disk, DiskFile } from './disk.ts';

const BLOCK = 4096;
const LEAST_ROOM = 4 * BLOCK;

export interface MemoryDisk extends Disk {
  /**
   * Forgets what was not synced, but for those blocks that had reached the disk all the same: `reached` is asked of each
   * one. Files that are open are of no use afterwards; the disk is, to whoever opens it anew.
   */
  crash(reached?: () => boolean): void;
}

export function memoryDisk(): MemoryDisk {
  let files = new Map<string, MemoryFile>();
  return {
    list: async () => [...files.keys()],
    async open(name) {
      const file = files.get(name) ?? new MemoryFile();
      files.set(name, file);
      return file;
    },
    async remove(name) {
      files.delete(name);
    },
    crash(reached = () => false) {
      files = new Map([...files].map(([name, file]) => [name, file.afterCrash(reached)]));
    },
  };
}

class MemoryFile implements DiskFile {
  #octets: Buffer<ArrayBuffer>;
  #size: number;
  /** What the disk itself holds: brought up to date block by block at each sync. */
  #durable: Buffer<ArrayBuffer>;
  #durableSize: number;
  readonly #touched = new Set<number>();

  constructor(octets: Buffer<ArrayBuffer> = Buffer.alloc(0), size = 0) {
    this.#octets = octets;
    this.#size = size;
    this.#durable = Buffer.from(octets);
    this.#durableSize = size;
  }

  get size(): number {
    return this.#size;
  }

  async append(parts: readonly Uint8Array[]): Promise<void> {
    for (const part of parts) this.writeNow(part, this.#size);
  }

  async read(position: number, length: number): Promise<Buffer> {
    return Buffer.from(this.#octets.subarray(position, Math.min(this.#size, position + length)));
  }

  readNow(target: Uint8Array, position: number): number {
    const found = this.#octets.subarray(position, Math.min(this.#size, position + target.byteLength));
    target.set(found);
    return found.byteLength;
  }

  writeNow(octets: Uint8Array, position: number): void {
    const end = position + octets.byteLength;
    this.#octets = withRoom(this.#octets, end);
    this.#octets.set(octets, position);
    this.#size = Math.max(this.#size, end);
    for (let block = Math.floor(position / BLOCK); block * BLOCK < end; block += 1) this.#touched.add(block);
  }

  async sync(): Promise<void> {
    for (const block of this.#touched) this.#store(block);
    this.#touched.clear();
  }

  async close(): Promise<void> {}

  afterCrash(reached: () => boolean): MemoryFile {
    for (const block of this.#touched) if (reached()) this.#store(block);
    return new MemoryFile(this.#durable, this.#durableSize);
  }

  /** A block is durable; what lies before it and is not reads as zeros. */
  #store(block: number): void {
    const end = Math.min(this.#size, (block + 1) * BLOCK);
    this.#durable = withRoom(this.#durable, end);
    this.#octets.copy(this.#durable, block * BLOCK, block * BLOCK, end);
    this.#durableSize = Math.max(this.#durableSize, end);
  }
}

/** `buffer`, or a larger one with the same content. */
function withRoom(buffer: Buffer<ArrayBuffer>, size: number): Buffer<ArrayBuffer> {
  if (buffer.byteLength >= size) return buffer;
  const larger = Buffer.alloc(Math.max(LEAST_ROOM, size, 2 * buffer.byteLength));
  buffer.copy(larger);
  return larger;
}
