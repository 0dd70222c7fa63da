// The pinger's memory: pings of the days that count, and when this server was up. In the store a document for each day and
// first server, so that a ping costs little to write however many there are.

import { DAY, MINUTE } from '../../../base/time.ts';
import type { Store } from '../../../store/store.ts';
import { writeDate } from '../../directory/value-kinds.ts';
import { windowStart } from './estimate.ts';
import type { Ping, PingResults } from './results.ts';

const OWNER = 'mix/pings';
const BEATS = 'beats';
const RESULTS = 'results';
/** Broken chains that are kept with a day's results: they have to fit into a document. */
const MOST_CHAINS = 2000;
/** How finely uptime is known. */
export const BEAT = 30 * MINUTE;

interface KeptPing extends Ping {
  /** SHA-1 of the payload in hex. */
  readonly digest: string;
  returned?: number;
}

/** second server or '' | sent | returned or 0 | digest */
type StoredPing = readonly [string, number, number, string];

export class PingRecord {
  readonly #documents: Store['documents'];
  /** By the name of their document. */
  readonly #pings = new Map<string, KeptPing[]>();
  /** Those that are not back. */
  readonly #missing = new Map<string, KeptPing>();
  readonly #beats = new Set<number>();
  readonly #unsaved = new Set<string>();
  #saving: Promise<void> = Promise.resolve();

  private constructor(documents: Store['documents']) {
    this.#documents = documents;
  }

  /** Reads what counts at `now`. */
  static async open({ documents }: Pick<Store, 'documents'>, now: number): Promise<PingRecord> {
    const record = new PingRecord(documents);
    const first = writeDate(windowStart(now));
    for (const name of await documents.list(OWNER)) {
      const [date = '', what = ''] = name.split('/');
      if (what === '' || what === RESULTS || date < first) continue;
      const value = (await documents.get(OWNER, name))?.value.toString('utf8') ?? '[]';
      if (what === BEATS) for (const beat of JSON.parse(value) as number[]) record.#beats.add(beat);
      else record.#load(name, what, JSON.parse(value) as StoredPing[]);
    }
    return record;
  }

  /** The secret that spreads the pings over time, made when there is none: 20 octets. */
  async seed(make: () => Buffer): Promise<Buffer> {
    const known = await this.#documents.get(OWNER, 'seed');
    if (known !== undefined) return known.value;
    const made = make();
    await this.#documents.put(OWNER, 'seed', made);
    return made;
  }

  /** All pings that are in memory: those of the days that count. */
  *pings(): Generator<Ping> {
    for (const kept of this.#pings.values()) yield* kept;
  }

  sent(path: readonly string[], digest: string, now: number): void {
    const name = `${writeDate(now)}/${path[0]}`;
    const ping = { path, digest, sent: now };
    this.#keep(name, ping);
    this.#unsaved.add(name);
  }

  /** A ping that could not even be sent never was one. */
  unsent(digest: string): void {
    const ping = this.#missing.get(digest);
    if (ping === undefined) return;
    const name = `${writeDate(ping.sent)}/${ping.path[0]}`;
    this.#missing.delete(digest);
    this.#pings.set(
      name,
      (this.#pings.get(name) ?? []).filter((other) => other !== ping),
    );
    this.#unsaved.add(name);
  }

  /** False when no such ping is missing. */
  returned(digest: string, now: number): boolean {
    const ping = this.#missing.get(digest);
    if (ping === undefined) return false;
    ping.returned = now;
    this.#missing.delete(digest);
    this.#unsaved.add(`${writeDate(ping.sent)}/${ping.path[0]}`);
    return true;
  }

  /** Notes that this server is up. */
  beat(now: number): void {
    const beat = Math.floor(now / BEAT);
    if (this.#beats.has(beat)) return;
    this.#beats.add(beat);
    this.#unsaved.add(`${writeDate(now)}/${BEATS}`);
  }

  /** Of the time since the first note in the days that count, the share that this server was up: 0 to 1. */
  uptime(now: number): number {
    const first = Math.floor(windowStart(now) / BEAT);
    const counted = [...this.#beats].filter((beat) => beat >= first);
    if (counted.length === 0) return 0;
    return counted.length / (Math.floor(now / BEAT) - Math.min(...counted) + 1);
  }

  /** Writes what is new. One call after another. */
  save(): Promise<void> {
    this.#saving = this.#saving.catch(() => {}).then(() => this.#save());
    return this.#saving;
  }

  /** Keeps the results of a day; the last of the day stay. */
  async keepResults(results: PingResults): Promise<void> {
    const chains = results.chains.filter(({ broken }) => broken).slice(0, MOST_CHAINS);
    const value = Buffer.from(JSON.stringify({ ...results, chains }));
    await this.#documents.put(OWNER, `${writeDate(results.at)}/${RESULTS}`, value);
  }

  /** Forgets what no longer counts, and removes what was kept for long enough. Ages in ms. */
  async prune(now: number, keep: { readonly data: number; readonly results: number }): Promise<void> {
    const first = writeDate(windowStart(now));
    for (const [name, kept] of this.#pings) {
      if (name >= first) continue;
      for (const { digest } of kept) this.#missing.delete(digest);
      this.#pings.delete(name);
    }
    for (const beat of this.#beats) if (beat < Math.floor(windowStart(now) / BEAT)) this.#beats.delete(beat);
    const oldest = {
      data: writeDate(Math.min(now - keep.data, windowStart(now))),
      results: writeDate(now - Math.max(keep.results, DAY)),
    };
    for (const name of await this.#documents.list(OWNER)) {
      const [date = '', what] = name.split('/');
      if (what === undefined) continue;
      if (date < (what === RESULTS ? oldest.results : oldest.data)) await this.#documents.remove(OWNER, name);
    }
  }

  #load(name: string, first: string, stored: readonly StoredPing[]): void {
    for (const [second, sent, returned, digest] of stored) {
      const path = second === '' ? [first] : [first, second];
      this.#keep(name, { path, sent, digest, ...(returned === 0 ? {} : { returned }) });
    }
  }

  #keep(name: string, ping: KeptPing): void {
    const kept = this.#pings.get(name);
    if (kept) kept.push(ping);
    else this.#pings.set(name, [ping]);
    if (ping.returned === undefined) this.#missing.set(ping.digest, ping);
  }

  async #save(): Promise<void> {
    for (const name of this.#unsaved) {
      this.#unsaved.delete(name);
      try {
        await this.#documents.put(OWNER, name, Buffer.from(JSON.stringify(this.#stored(name))));
      } catch (error) {
        this.#unsaved.add(name);
        throw error;
      }
    }
  }

  #stored(name: string): readonly StoredPing[] | number[] {
    const [date, what] = name.split('/');
    if (what === BEATS) return [...this.#beats].filter((beat) => writeDate(beat * BEAT) === date);
    return (this.#pings.get(name) ?? []).map(
      ({ path, sent, returned = 0, digest }): StoredPing => [path[1] ?? '', sent, returned, digest],
    );
  }
}
