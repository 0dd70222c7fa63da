// A file that is only ever written at its end, cut into segments so that its beginning can be given up. Whoever appends
// while the disk syncs shares the next sync with all others who do.

import { messageOf } from '../../../base/errors.ts';
import type { Disk, DiskFile } from '../disk/disk.ts';
import { KeepingError } from '../disk/errors.ts';
import { RECORD_HEADER, readRecord, recordLength, type SpoolRecord, writeRecord } from './record.ts';

/** Octets after which a segment is full. */
const SEGMENT_SIZE = 64 * 1024 * 1024;
/** Octets that share one write. */
const MAX_GROUP = 4 * 1024 * 1024;
const MAGIC = Buffer.from('PSTSPL01');
const NAME = /^spool-(\d{10})$/;

export interface Segment {
  readonly number: number;
  readonly size: number;
}

/** Where a record lies. */
export interface Place {
  readonly segment: Segment;
  readonly position: number;
  readonly length: number;
}

interface OpenSegment extends Segment {
  size: number;
  readonly file: DiskFile;
  /** Reads and writes under way: the file stays until they are done. */
  readonly busy: Set<Promise<unknown>>;
}

interface Waiting {
  readonly parts: readonly Buffer[];
  readonly length: number;
  readonly placed: ((place: Place) => void) | undefined;
  readonly durable: PromiseWithResolvers<Place>;
}

export class Journal {
  readonly #disk: Disk;
  readonly #segmentSize: number;
  /** The oldest first; the last one is written to. */
  readonly #segments: OpenSegment[];
  #waiting: Waiting[] = [];
  #working: Promise<void> | undefined;
  #beginning: Promise<OpenSegment> | undefined;
  #broken: KeepingError | undefined;

  private constructor(disk: Disk, segmentSize: number, segments: OpenSegment[]) {
    this.#disk = disk;
    this.#segmentSize = segmentSize;
    this.#segments = segments;
  }

  /**
   * Opens the journal of a disk and tells `visit` of all records in it, in order. A segment is read up to the first
   * octets that are no record: behind them nothing was ever durable. `damaged` counts such places.
   */
  static async open(
    disk: Disk,
    visit: (record: SpoolRecord, place: Place) => void,
    segmentSize = SEGMENT_SIZE,
  ): Promise<{ journal: Journal; damaged: number }> {
    const numbers = (await disk.list()).flatMap((name) => NAME.exec(name)?.[1] ?? []).map(Number);
    const segments: OpenSegment[] = [];
    let damaged = 0;
    for (const number of numbers.sort((a, b) => a - b)) {
      const segment = await openSegment(disk, number);
      segments.push(segment);
      if (!(await readSegment(segment, visit))) damaged += 1;
    }
    const journal = new Journal(disk, segmentSize, segments);
    await journal.#begin(); // behind a tail that was cut nothing may be written
    return { journal, damaged };
  }

  /** The oldest first; the last one is written to. */
  get segments(): readonly Segment[] {
    return this.#segments;
  }

  /**
   * Appends a record, behind those of earlier calls. Resolves when it is durable; `placed` is called before, as soon as its
   * place is known. Rejects with KeepingError.
   */
  append(record: SpoolRecord, placed?: (place: Place) => void): Promise<Place> {
    if (this.#broken) return Promise.reject(this.#broken);
    const parts = writeRecord(record);
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    const durable = Promise.withResolvers<Place>();
    this.#waiting.push({ parts, length, placed, durable });
    this.#working ??= this.#work();
    return durable.promise;
  }

  /** Reads a record again. KeepingError `damaged` when it cannot be read as what was written. */
  async read({ segment, position, length }: Place): Promise<SpoolRecord> {
    const open = this.#segments.find(({ number }) => number === segment.number);
    if (open === undefined) throw new KeepingError('closed', 'the segment was given up');
    const record = readRecord(await keptBusy(open, open.file.read(position, length)));
    if (record === undefined) throw new KeepingError('damaged', 'a packet in the spool has changed');
    return record;
  }

  /** Begins a new segment unless the last one is empty, so that the ones before can be given up in their turn. */
  async turnOver(): Promise<void> {
    if ((this.#segments.at(-1)?.size ?? 0) > MAGIC.length) await this.#begin();
  }

  /** Gives up the oldest segment, which must not be the one that is written to. */
  async removeOldest(): Promise<void> {
    if (this.#segments.length < 2) throw new RangeError('the last segment is in use');
    const [oldest] = this.#segments.splice(0, 1);
    if (oldest === undefined) return;
    await Promise.allSettled(oldest.busy);
    await oldest.file.close();
    await this.#disk.remove(nameOf(oldest.number));
  }

  /** Waits for what was appended, then lets go of the files. */
  async close(): Promise<void> {
    await this.#working;
    this.#broken ??= new KeepingError('closed', 'the spool is closed');
    for (const { file, busy } of this.#segments) {
      await Promise.allSettled(busy);
      await file.close();
    }
  }

  async #work(): Promise<void> {
    await Promise.resolve(); // all who speak at this moment share the first write
    while (this.#waiting.length > 0) {
      const group = this.#nextGroup();
      try {
        const places = await this.#write(group);
        for (const [index, { durable }] of group.entries()) durable.resolve(places[index] as Place);
      } catch (cause) {
        // After a failed sync nobody knows what the disk holds.
        this.#broken ??= new KeepingError('io', `the spool cannot be written: ${messageOf(cause)}`, { cause });
        for (const { durable } of [...group, ...this.#waiting.splice(0)]) durable.reject(this.#broken);
      }
    }
    this.#working = undefined;
  }

  #nextGroup(): Waiting[] {
    let octets = 0;
    let count = 0;
    for (const { length } of this.#waiting) {
      octets += length;
      if (count > 0 && octets > MAX_GROUP) break;
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }

  async #write(group: readonly Waiting[]): Promise<Place[]> {
    const length = group.reduce((sum, waiting) => sum + waiting.length, 0);
    const last = this.#segments.at(-1);
    const segment =
      last !== undefined && last.size + length <= Math.max(this.#segmentSize, MAGIC.length + length)
        ? last
        : await this.#begin();
    const places = group.map((waiting) => {
      const place = { segment, position: segment.size, length: waiting.length };
      segment.size += waiting.length;
      waiting.placed?.(place);
      return place;
    });
    const writing = segment.file.append(group.flatMap(({ parts }) => parts)).then(() => segment.file.sync());
    await keptBusy(segment, writing);
    return places;
  }

  #begin(): Promise<OpenSegment> {
    this.#beginning ??= this.#makeNext().finally(() => {
      this.#beginning = undefined;
    });
    return this.#beginning;
  }

  async #makeNext(): Promise<OpenSegment> {
    const number = (this.#segments.at(-1)?.number ?? 0) + 1;
    const segment = await openSegment(this.#disk, number);
    if (segment.size > 0) throw new KeepingError('damaged', 'a new segment of the spool is there already');
    await segment.file.append([MAGIC]);
    segment.size = MAGIC.length;
    this.#segments.push(segment);
    return segment;
  }
}

function nameOf(number: number): string {
  return `spool-${number.toString().padStart(10, '0')}`;
}

async function keptBusy<T>(segment: OpenSegment, work: Promise<T>): Promise<T> {
  segment.busy.add(work);
  try {
    return await work;
  } finally {
    segment.busy.delete(work);
  }
}

async function openSegment(disk: Disk, number: number): Promise<OpenSegment> {
  const file = await disk.open(nameOf(number));
  return { number, size: file.size, file, busy: new Set() };
}

/** Whether the segment held nothing but records up to its end. */
async function readSegment(segment: OpenSegment, visit: (record: SpoolRecord, place: Place) => void): Promise<boolean> {
  const { file, size } = segment;
  if (size === 0) return true; // made, and never written to
  if (!(await file.read(0, MAGIC.length)).equals(MAGIC)) return false;
  let position = MAGIC.length;
  while (position < size) {
    const block = await file.read(position, Math.min(size - position, 2 * MAX_GROUP));
    let at = 0;
    for (;;) {
      const length = recordLength(block.subarray(at, at + RECORD_HEADER));
      if (length === undefined || at + length > block.length) break;
      const record = readRecord(block.subarray(at, at + length));
      if (record === undefined) return false;
      visit(record, { segment, position: position + at, length });
      at += length;
    }
    if (at === 0) return false;
    position += at;
  }
  return true;
}
