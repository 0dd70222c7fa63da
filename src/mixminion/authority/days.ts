// The files of the days, in one folder: what a directory server has made and serves. They are its only state, so that it goes on
// after a restart at any moment: `DAY-vote.gz`, then `DAY.gz` (format 0.3), and, when the day is settled, `DAY-old.gz` (0.2).

import { mkdir, open, readdir, readFile, rm, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { codeOf } from '../../base/errors.ts';
import { replaceFile } from '../../base/files.ts';
import { type Clock, DAY, SECOND } from '../../base/time.ts';
import { writeDate } from '../directory/value-kinds.ts';

const OWNER_ONLY = 0o700;
/** Days that are kept for whoever asks. */
const KEPT = 30 * DAY;

/** The vote, the directory of format 0.3, and that of format 0.2. */
export type DayFile = 'vote' | 'new' | 'old';

const SUFFIXES: Readonly<Record<DayFile, string>> = { vote: '-vote', new: '', old: '-old' };

export class Days {
  readonly #folder: string;
  readonly #clock: Clock;
  /** Midnights of the days that are settled, in order. */
  #settled: number[] = [];

  private constructor(folder: string, clock: Clock) {
    this.#folder = folder;
    this.#clock = clock;
  }

  static async open(folder: string, clock: Clock): Promise<Days> {
    await mkdir(folder, { recursive: true, mode: OWNER_ONLY });
    const days = new Days(folder, clock);
    const names = await readdir(folder);
    const settled = names.flatMap((name) => /^(\d{4}-\d\d-\d\d)-old\.gz$/.exec(name)?.[1] ?? []);
    days.#settled = settled.map((date) => Date.parse(date)).sort((a, b) => a - b);
    return days;
  }

  isSettled(day: number): boolean {
    return this.#settled.includes(day);
  }

  /** The last settled day that has begun. */
  current(): number | undefined {
    const now = this.#clock.now();
    return this.#settled.findLast((day) => day <= now);
  }

  path(day: number, file: DayFile): string {
    return join(this.#folder, `${writeDate(day)}${SUFFIXES[file]}.gz`);
  }

  /** The octets of a file, compressed. */
  async read(day: number, file: DayFile): Promise<Buffer | undefined> {
    try {
      return await readFile(this.path(day, file));
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** Durable when it resolves. The file of format 0.2 is the last one of a day and settles it. */
  async write(day: number, file: DayFile, text: string): Promise<void> {
    const path = this.path(day, file);
    await replaceFile(path, await promisify(gzip)(Buffer.from(text, 'latin1'), { level: 9 }));
    const now = this.#clock.now() / SECOND;
    await utimes(path, now, now); // what browsers and caches are told of its age
    if (file === 'old' && !this.isSettled(day)) this.#settled = [...this.#settled, day].sort((a, b) => a - b);
  }

  /** Opens a file to send it. */
  openFile(day: number, file: DayFile) {
    return open(this.path(day, file));
  }

  /** Removes days that nobody needs any more. */
  async tidy(): Promise<void> {
    const oldest = writeDate(this.#clock.now() - KEPT);
    for (const name of await readdir(this.#folder)) {
      if (!(name.slice(0, 10) < oldest) || Date.parse(name.slice(0, 10)) === this.current()) continue;
      await rm(join(this.#folder, name), { force: true });
    }
    this.#settled = this.#settled.filter((day) => writeDate(day) >= oldest || day === this.current());
  }
}
