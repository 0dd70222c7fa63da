// The hashes of all packets that one packet key has opened, in one file: a set that only grows, asked in one read of one
// page however large it is.   spec: mixminion-server 2
//
// The file is made of pages of 4096 octets. A page has the entries that begin with its prefix; when it is full, two new
// pages with longer prefixes take its place, and it is free for others once those are durable (extendible hashing). Entries
// are digests of the hash under a secret salt, so that nobody can choose packets that crowd one page.
//
// Only `sync` makes the table durable. What was added since the last one is to be added again after a crash; nothing that
// was durable is lost whatever the crash tore, as no durable page is changed but by filling its free slots.

import { asBuffer, equalBytes } from '../../../base/bytes.ts';
import type { Random } from '../../../base/random.ts';
import { sha1 } from '../../../crypto/hash.ts';
import type { DiskFile } from '../disk/disk.ts';
import { KeepingError } from '../disk/errors.ts';

const PAGE = 4096;
const PAGE_HEADER = 16;
const ENTRY = 20;
const SLOTS_PER_PAGE = (PAGE - PAGE_HEADER) / ENTRY;
const MAGIC = Buffer.from('PSTREP01');
const SALT = 16;
/** Bits of a prefix. 2^24 pages have some three thousand million entries. */
const MAX_DEPTH = 24;
const NO_PAGE = 0; // the first page of the file is its header

interface Range {
  /** The first `depth` bits of an entry, as a number. */
  readonly prefix: number;
  readonly depth: number;
}

export class ReplayTable {
  readonly #file: DiskFile;
  readonly #salt: Buffer;
  readonly #page = Buffer.alloc(PAGE);
  readonly #words: Int32Array;
  /** Of each prefix of `#depth` bits: its page, and how deep that one is. */
  #directory: Uint32Array<ArrayBuffer> = Uint32Array.of(NO_PAGE);
  #depths: Uint8Array<ArrayBuffer> = Uint8Array.of(0);
  #depth = 0;
  #pages = 1;
  #free: number[] = [];
  #replaced: number[] = [];

  private constructor(file: DiskFile, salt: Buffer) {
    this.#file = file;
    this.#salt = salt;
    this.#words = new Int32Array(this.#page.buffer, this.#page.byteOffset, PAGE / 4);
  }

  /**
   * Opens the table in a file, or begins one for the key whose SHA-1 is `keyId` (20 octets). KeepingError `damaged` when
   * the file is that of another key.
   */
  static async open(file: DiskFile, keyId: Uint8Array, random: Random): Promise<ReplayTable> {
    let header = await file.read(0, PAGE);
    if (file.size <= PAGE && header.every((octet) => octet === 0)) {
      header = Buffer.concat([MAGIC, keyId, random.bytes(SALT)], PAGE); // new, or begun in vain
      file.writeNow(header, 0);
      await file.sync();
    }
    const [magic, owner] = [header.subarray(0, MAGIC.length), header.subarray(MAGIC.length, MAGIC.length + ENTRY)];
    if (!magic.equals(MAGIC) || !equalBytes(owner, keyId))
      throw new KeepingError('damaged', 'a replay log is not that of its packet key');
    const table = new ReplayTable(file, header.subarray(MAGIC.length + ENTRY, MAGIC.length + ENTRY + SALT));
    table.#load();
    return table;
  }

  /** Octets of the file. */
  get octets(): number {
    return this.#file.size;
  }

  /** Whether a hash was added before. */
  has(hash: Uint8Array): boolean {
    const entry = this.#entryOf(hash);
    this.#readPage(this.#directory[this.#indexOf(entry)] ?? NO_PAGE);
    return this.#find(entry) === 'there';
  }

  /** Adds a hash; nothing happens when it is there. */
  add(hash: Uint8Array): void {
    this.#add(this.#entryOf(hash));
  }

  /** How many pages wait for the next `sync` to be of use again. */
  get waitingPages(): number {
    return this.#replaced.length;
  }

  /** What was added before the call is durable when it resolves. */
  async sync(): Promise<void> {
    const replaced = this.#replaced.splice(0);
    await this.#file.sync();
    for (const page of replaced) this.#file.writeNow(Buffer.alloc(PAGE_HEADER), page * PAGE);
    this.#free.push(...replaced);
  }

  async close(): Promise<void> {
    await this.sync();
    await this.#file.close();
  }

  #add(entry: Buffer): void {
    for (;;) {
      const index = this.#indexOf(entry);
      const page = this.#directory[index] ?? NO_PAGE;
      this.#readPage(page);
      const slot = this.#find(entry);
      if (slot === 'there') return;
      if (slot !== 'full') {
        this.#file.writeNow(entry, page * PAGE + PAGE_HEADER + slot * ENTRY);
        return;
      }
      this.#split(page, (this.#depths[index] ?? 0) + 1, entry);
    }
  }

  /** Replaces the full page that lies in `#page`, where `entry` belongs, by two whose prefixes have `depth` bits. */
  #split(page: number, depth: number, entry: Buffer): void {
    if (depth > MAX_DEPTH) throw new KeepingError('io', 'a replay log has grown beyond all measure');
    if (depth > this.#depth) this.#deepen();
    const entries = entriesOf(Buffer.from(this.#page));
    for (const half of halvesOf({ prefix: prefixOf(entry, depth - 1), depth: depth - 1 })) {
      const written = this.#write(
        half,
        entries.filter((one) => isIn(one, half)),
      );
      this.#use(written, half);
    }
    this.#replaced.push(page);
  }

  /** Writes a whole new page and gives its number. */
  #write({ prefix, depth }: Range, entries: readonly Buffer[]): number {
    const number = this.#free.pop() ?? this.#pages++;
    const page = Buffer.alloc(PAGE);
    page.writeUInt8(depth + 1, 0); // 0 stands for a page that is free
    page.writeUInt32BE(prefix, 4);
    for (const [slot, entry] of entries.entries()) page.set(entry, PAGE_HEADER + slot * ENTRY);
    this.#file.writeNow(page, number * PAGE);
    return number;
  }

  #use(page: number, { prefix, depth }: Range): void {
    const width = this.#depth - depth;
    this.#directory.fill(page, prefix << width, (prefix + 1) << width);
    this.#depths.fill(depth, prefix << width, (prefix + 1) << width);
  }

  #deepen(): void {
    const twice = (index: number) => index >> 1;
    this.#directory = Uint32Array.from(
      { length: 2 * this.#directory.length },
      (_, i) => this.#directory[twice(i)] ?? 0,
    );
    this.#depths = Uint8Array.from({ length: 2 * this.#depths.length }, (_, i) => this.#depths[twice(i)] ?? 0);
    this.#depth += 1;
  }

  /**
   * Finds the pages. After a crash a page may be there beside one or both of those that were to replace it, which may
   * lack anything: then what it has is added to them once more.
   */
  #load(): void {
    this.#pages = Math.ceil(this.#file.size / PAGE);
    const found = new Map<string, number>();
    const header = Buffer.alloc(PAGE_HEADER);
    for (let page = 1; page < this.#pages; page += 1) {
      const read = this.#file.readNow(header, page * PAGE);
      const depth = header.readUInt8(0) - 1;
      const range = { prefix: header.readUInt32BE(4), depth };
      const whole = read === PAGE_HEADER && (page + 1) * PAGE <= this.#file.size;
      const sound = whole && depth >= 0 && depth <= MAX_DEPTH && range.prefix < 2 ** depth;
      if (!sound || found.has(nameOf(range))) this.#free.push(page);
      else {
        found.set(nameOf(range), page);
        this.#depth = Math.max(this.#depth, depth);
      }
    }
    this.#directory = new Uint32Array(2 ** this.#depth);
    this.#depths = new Uint8Array(2 ** this.#depth);
    const parents = new Set<string>();
    for (const name of found.keys())
      for (let range = parentOf(rangeOf(name)); range; range = parentOf(range)) {
        if (parents.has(nameOf(range))) break;
        parents.add(nameOf(range));
      }
    const visit = (range: Range): void => {
      if (parents.has(nameOf(range))) for (const half of halvesOf(range)) visit(half);
      else this.#use(found.get(nameOf(range)) ?? this.#write(range, []), range);
    };
    visit({ prefix: 0, depth: 0 });
    for (const name of parents) {
      const page = found.get(name);
      if (page === undefined) continue;
      this.#readPage(page);
      const range = rangeOf(name);
      for (const entry of entriesOf(Buffer.from(this.#page))) if (isIn(entry, range)) this.#add(entry);
      this.#replaced.push(page);
    }
  }

  #entryOf(hash: Uint8Array): Buffer {
    return sha1(this.#salt, hash);
  }

  #indexOf(entry: Buffer): number {
    return prefixOf(entry, this.#depth);
  }

  #readPage(page: number): void {
    if (this.#file.readNow(this.#page, page * PAGE) !== PAGE)
      throw new KeepingError('damaged', 'a replay log is cut short');
  }

  /** Looks for an entry in `#page`: the slot that is free for it when it is not there. */
  #find(entry: Buffer): number | 'there' | 'full' {
    // Words in the machine's order on both sides.
    const sought = new Int32Array(new Uint8Array(entry).buffer);
    const [a, b, c, d, e] = sought;
    const words = this.#words;
    for (let slot = 0, at = PAGE_HEADER / 4; slot < SLOTS_PER_PAGE; slot += 1, at += ENTRY / 4) {
      const first = words[at];
      if (first === a && words[at + 1] === b && words[at + 2] === c && words[at + 3] === d && words[at + 4] === e)
        return 'there';
      if (first === 0 && words[at + 1] === 0) return slot;
    }
    return 'full';
  }
}

function entriesOf(page: Buffer): Buffer[] {
  const entries = Array.from({ length: SLOTS_PER_PAGE }, (_, slot) =>
    asBuffer(page.subarray(PAGE_HEADER + slot * ENTRY, PAGE_HEADER + (slot + 1) * ENTRY)),
  );
  return entries.filter((entry) => entry.readBigUInt64BE() !== 0n);
}

function isIn(entry: Buffer, { prefix, depth }: Range): boolean {
  return prefixOf(entry, depth) === prefix;
}

function prefixOf(entry: Buffer, depth: number): number {
  return depth === 0 ? 0 : entry.readUInt32BE() >>> (32 - depth);
}

function nameOf({ prefix, depth }: Range): string {
  return `${depth}:${prefix}`;
}

function rangeOf(name: string): Range {
  const [depth = 0, prefix = 0] = name.split(':').map(Number);
  return { prefix, depth };
}

function parentOf({ prefix, depth }: Range): Range | undefined {
  return depth === 0 ? undefined : { prefix: prefix >>> 1, depth: depth - 1 };
}

function halvesOf({ prefix, depth }: Range): Range[] {
  return [0, 1].map((bit) => ({ prefix: 2 * prefix + bit, depth: depth + 1 }));
}
