// Every packet that a node has taken and not yet passed on, on its disk. In memory there is a small entry for each.
//
// A packet arrives and is durable; it is opened, and what came out takes its place together with the hash that its replay
// log is to remember; it leaves the pool; it is gone. Each step is one record, and a crash between two of them repeats the
// later one: a hash is remembered no sooner than the packet it belongs to, so that none is taken for its own replay.

import { PAYLOAD_LENGTH } from '../../packet/layout.ts';
import type { Disk } from '../disk/disk.ts';
import { KeepingError } from '../disk/errors.ts';
import { Journal, type Place, type Segment } from './journal.ts';
import { type Burnt, type Destination, MAX_LIST, type SpoolRecord } from './record.ts';

/** Octets of dead records that may always lie about; and that many times the living ones, before those are moved together. */
const SLACK = 1024 * 1024;
const SLACK_SHARE = 2;
/** Fewer dead octets are no packet, but records of what happened to packets. */
const A_PACKET = PAYLOAD_LENGTH;

export type Held = Extract<SpoolRecord, { type: 'held' }>;

/** A packet that waits: in the pool while `queued` is 0, then, since that time, for its next hop or the exits. */
export interface Waiting {
  readonly number: number;
  readonly queued: number;
  readonly to: Destination;
}

export interface Recovered {
  /** Packets that were taken and not yet opened. */
  readonly arrived: readonly number[];
  readonly waiting: readonly Waiting[];
  /** Places behind which a segment could not be read: after a crash there may be one. */
  readonly damaged: number;
}

export interface SpoolOptions {
  /** Told of each hash that the spool still has: the replay logs take in those they lack. */
  burnt(burnt: Burnt): void;
  /** Resolves when the replay logs are durable. Called before records with hashes are given up. */
  syncReplays(): Promise<void>;
  readonly segmentSize?: number;
}

interface Entry {
  place: Place;
  queued: number;
}

export class Spool {
  readonly #journal: Journal;
  readonly #options: SpoolOptions;
  readonly #entries: Map<number, Entry>;
  /** By segment: the packets that have a record there which is still needed, and the octets of those records. */
  readonly #alive = new Map<number, { packets: number; bytes: number }>();
  #bytes = 0;
  #last: number;
  #tidying: Promise<void> | undefined;

  private constructor(journal: Journal, options: SpoolOptions, entries: Map<number, Entry>) {
    this.#journal = journal;
    this.#options = options;
    this.#entries = entries;
    this.#last = 0;
    for (const [number, { place }] of entries) {
      this.#last = Math.max(this.#last, number);
      this.#count(place);
    }
  }

  /** Opens the spool of a disk; KeepingError or errors of the file system when that cannot be. */
  static async open(disk: Disk, options: SpoolOptions): Promise<{ spool: Spool; recovered: Recovered }> {
    // A number may come again after a restart: what is known of a packet begins anew with its arrival.
    const entries = new Map<number, Entry & { readonly to?: Destination }>();
    const visit = (record: SpoolRecord, place: Place) => {
      if (record.type === 'held' || record.type === 'spent') options.burnt(record);
      switch (record.type) {
        case 'arrived':
          entries.set(record.number, { place, queued: 0 });
          break;
        case 'held':
          entries.set(record.number, { place, queued: record.queued, to: copyOf(record.to) });
          break;
        case 'left':
          for (const number of record.numbers) {
            const entry = entries.get(number);
            if (entry !== undefined) entry.queued = record.queued;
          }
          break;
        case 'spent':
          entries.delete(record.number);
          break;
        case 'gone':
          for (const number of record.numbers) entries.delete(number);
          break;
      }
    };
    const { journal, damaged } = await Journal.open(disk, visit, options.segmentSize);
    const waiting: Waiting[] = [];
    const arrived: number[] = [];
    const alive = new Map<number, Entry>();
    for (const [number, { place, queued, to }] of entries) {
      alive.set(number, { place, queued });
      if (to === undefined) arrived.push(number);
      else waiting.push({ number, queued, to });
    }
    return { spool: new Spool(journal, options, alive), recovered: { arrived, waiting, damaged } };
  }

  /** Octets of the packets that are alive. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Packets that are alive. */
  get size(): number {
    return this.#entries.size;
  }

  /** Takes a packet of 32768 octets. Durable when this gives its number. */
  async arrived(octets: Buffer): Promise<number> {
    this.#last += 1;
    const number = this.#last;
    await this.#journal.append({ type: 'arrived', number, octets }, (place) => {
      this.#entries.set(number, { place, queued: 0 });
      this.#count(place);
    });
    return number;
  }

  /** What came out of a packet takes its place. Durable when it resolves. */
  async hold(record: Omit<Held, 'type' | 'queued'>): Promise<void> {
    await this.#replace({ type: 'held', queued: 0, ...record });
  }

  /** These leave the pool at `queued`, in milliseconds. Durable when it resolves. */
  async leave(numbers: readonly number[], queued: number): Promise<void> {
    for (const number of numbers) {
      const entry = this.#entries.get(number);
      if (entry !== undefined) entry.queued = queued;
    }
    await Promise.all(lists(numbers).map((list) => this.#journal.append({ type: 'left', queued, numbers: list })));
  }

  /** Nothing more is to be done with these. Durable when it resolves. */
  async finish(numbers: readonly number[]): Promise<void> {
    for (const number of numbers) this.#forget(number);
    await Promise.all(lists(numbers).map((list) => this.#journal.append({ type: 'gone', numbers: list })));
  }

  /** Nothing more is to be done with a packet that was opened; its hash is to be remembered. Durable when it resolves. */
  async spend(number: number, { keyId, replayHash }: Burnt): Promise<void> {
    this.#forget(number);
    await this.#journal.append({ type: 'spent', number, keyId, replayHash });
  }

  /** The packet as it arrived; undefined when it cannot be read any more. */
  async readArrived(number: number): Promise<Buffer | undefined> {
    const record = await this.#read(number).catch(unlessDamaged);
    return record?.type === 'arrived' ? record.octets : undefined;
  }

  /** What came out of the packet; undefined when it cannot be read any more. */
  async readHeld(number: number): Promise<Held | undefined> {
    const record = await this.#read(number).catch(unlessDamaged);
    return record?.type === 'held' ? record : undefined;
  }

  /** Writes to a new segment from now on, so that `tidy` can give up the one before. */
  async seal(): Promise<void> {
    if (this.#wasted() > 0) await this.#journal.turnOver();
  }

  /** The segment that is written to now: `tidy` takes its number later, when what lies up to here is old. */
  get newest(): number {
    return this.#journal.segments.at(-1)?.number ?? 0;
  }

  /**
   * Gives up the octets of packets that are gone, moving those together that are not: when there are enough of them for that,
   * and however few there are in the segments up to the number `old`.
   */
  tidy(old = 0): Promise<void> {
    this.#tidying ??= this.#tidy(old).finally(() => {
      this.#tidying = undefined;
    });
    return this.#tidying;
  }

  async close(): Promise<void> {
    await this.#tidying;
    await this.#journal.close();
  }

  /**
   * Segments go from the oldest on: so a record that ends a packet's life outlasts all earlier records of that packet,
   * and no packet comes to life again.
   */
  async #tidy(old: number): Promise<void> {
    let synced = false;
    for (let [oldest, next] = this.#journal.segments; oldest && next; [oldest, next] = this.#journal.segments) {
      if (this.#alive.has(oldest.number)) {
        const isWorth =
          this.#wasted() > SLACK_SHARE * this.#bytes + SLACK || (oldest.number <= old && this.#dead(old) >= A_PACKET);
        if (!isWorth || !(await this.#moveOn(oldest))) return;
        continue;
      }
      if (!synced) await this.#options.syncReplays();
      synced = true;
      await this.#journal.removeOldest();
    }
  }

  /** Writes the packets of a segment anew at the end; false when one cannot be, which is about to go its own way. */
  async #moveOn(segment: Segment): Promise<boolean> {
    for (const [number, entry] of this.#entries) {
      if (entry.place.segment !== segment) continue;
      const record = await this.#read(number).catch(unlessDamaged);
      if (record?.type !== 'held') return false; // not opened yet, or not to be read: then the node drops it in its turn
      // From the check to the append nothing else runs, so that no record of its end stands before this one.
      if (this.#entries.get(number) === entry) await this.#replace({ ...record, queued: entry.queued });
    }
    return !this.#alive.has(segment.number);
  }

  /** The old record stays alive until the new one is durable. */
  async #replace(record: Held): Promise<void> {
    const entry = this.#entries.get(record.number);
    if (entry === undefined) throw new KeepingError('damaged', 'there is no such packet');
    const place = await this.#journal.append(record, (place) => this.#count(place));
    const old = this.#entries.get(record.number) === entry ? entry.place : place; // or it is gone meanwhile
    entry.place = place;
    this.#uncount(old);
  }

  async #read(number: number): Promise<SpoolRecord> {
    const entry = this.#entries.get(number);
    if (entry === undefined) throw new KeepingError('damaged', 'there is no such packet');
    return await this.#journal.read(entry.place);
  }

  #wasted(): number {
    return this.#dead(Number.POSITIVE_INFINITY);
  }

  /** Octets of records that are no longer needed, in the segments up to this one. */
  #dead(until: number): number {
    let dead = 0;
    for (const { number, size } of this.#journal.segments)
      if (number <= until) dead += size - (this.#alive.get(number)?.bytes ?? 0);
    return dead;
  }

  #count({ segment, length }: Place): void {
    const { packets, bytes } = this.#alive.get(segment.number) ?? { packets: 0, bytes: 0 };
    this.#alive.set(segment.number, { packets: packets + 1, bytes: bytes + length });
    this.#bytes += length;
  }

  #uncount({ segment, length }: Place): void {
    const { packets, bytes } = this.#alive.get(segment.number) ?? { packets: 1, bytes: length };
    if (packets > 1) this.#alive.set(segment.number, { packets: packets - 1, bytes: bytes - length });
    else this.#alive.delete(segment.number);
    this.#bytes -= length;
  }

  #forget(number: number): void {
    const entry = this.#entries.get(number);
    if (entry === undefined) return;
    this.#entries.delete(number);
    this.#uncount(entry.place);
  }
}

function lists(numbers: readonly number[]): (readonly number[])[] {
  return Array.from({ length: Math.ceil(numbers.length / MAX_LIST) }, (_, index) =>
    numbers.slice(index * MAX_LIST, (index + 1) * MAX_LIST),
  );
}

function unlessDamaged(error: unknown): undefined {
  if (!(error instanceof KeepingError && error.code === 'damaged')) throw error;
}

/** The records of one read share its memory: what stays is copied out. */
function copyOf(to: Destination): Destination {
  return to.kind === 'relay'
    ? { ...to, next: Buffer.from(to.next) }
    : { ...to, routingInfo: Buffer.from(to.routingInfo), applicationKey: Buffer.from(to.applicationKey) };
}
