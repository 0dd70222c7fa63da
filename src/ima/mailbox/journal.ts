// The changes of one folder in their order: the files `seq` and `log`, shared with every other program that works on the mailbox.
// spec: ima 2.7

import { open, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { codeOf } from '../../base/errors.ts';
import { replaceFile } from '../../base/files.ts';
import { lockWithin } from '../../base/process-lock.ts';
import { SECOND, systemClock } from '../../base/time.ts';
import { ImaError } from '../errors.ts';
import { isMessageId, readNumber } from '../wire/names.ts';
import { absent, type Places } from './layout.ts';

/** Lines after which the older half of a log is dropped. */
const MAX_LINES = 20_000;
/** Another process holds it in real time, whatever clock runs here. */
const PATIENCE = 30 * SECOND;
const OWNER_ONLY = 0o600;

export type ChangeKind = '+' | '-' | 'f';

export interface Change {
  readonly kind: ChangeKind;
  readonly id: string;
}

interface Waiting {
  readonly changes: readonly Change[];
  resolve(seq: number): void;
  reject(error: unknown): void;
}

export class Journal {
  readonly #places: Places;
  #waiting: Waiting[] = [];
  #writing = false;
  /** What was read of the log: which file, and how far. */
  #inode = 0n;
  #read = 0;
  #lines = 0;
  #first: number | undefined;
  #seq = 0;
  readonly #last = new Map<string, { readonly seq: number; readonly kind: ChangeKind }>();
  #synced = 0;

  constructor(places: Places) {
    this.#places = places;
  }

  /** The number of the last change that was read. */
  get seq(): number {
    return this.#seq;
  }

  /** Changes up to this number are remembered no more. */
  get forgotten(): number {
    return this.#first === undefined ? 0 : this.#first - 1;
  }

  /** The last change of a message, as far as it was read. */
  lastOf(id: string): { readonly seq: number; readonly kind: ChangeKind } | undefined {
    return this.#last.get(id);
  }

  /** Messages that are there, after the log. */
  *present(): Generator<string> {
    for (const [id, { kind }] of this.#last) if (kind !== '-') yield id;
  }

  /** What changed after `seq`, each message once, in the order of the changes. */
  since(seq: number): { readonly id: string; readonly seq: number; readonly kind: ChangeKind }[] {
    const found = [...this.#last].filter(([, last]) => last.seq > seq).map(([id, last]) => ({ id, ...last }));
    return found.sort((a, b) => a.seq - b.seq);
  }

  /** Writes changes behind those that are there; resolves with the number of the last. Many callers share one writing. */
  record(...changes: Change[]): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    this.#waiting.push({ changes, resolve, reject });
    void this.#write();
    return promise;
  }

  /** Reads what others wrote meanwhile. */
  async catchUp(): Promise<void> {
    const found = await stat(this.#places.log, { bigint: true }).catch(absent);
    if (found === undefined) return this.#forget();
    if (found.ino !== this.#inode || Number(found.size) < this.#read) this.#forget();
    this.#inode = found.ino;
    if (Number(found.size) > this.#read) this.#take(await this.#tail(Number(found.size)));
    const counter = readNumber((await readFile(this.#places.seq, 'latin1').catch(absent))?.trim() ?? '');
    if (counter !== undefined) this.#seq = Math.max(this.#seq, counter);
  }

  /**
   * Makes the log durable as far as it was read. Whoever tells a number to a client does this first: a number that a crash could give out
   * again would hide a change.
   */
  async settle(): Promise<void> {
    if (this.#synced === this.#seq) return;
    const seq = this.#seq;
    try {
      await using log = await open(this.#places.log, 'r+');
      await log.datasync();
    } catch (error) {
      absent(error);
    }
    this.#synced = seq;
  }

  async #write(): Promise<void> {
    if (this.#writing) return;
    this.#writing = true;
    while (this.#waiting.length > 0) {
      let batch: Waiting[] = [];
      try {
        const lock = await lockWithin(this.#places.log, { clock: systemClock, patience: PATIENCE });
        if (lock === undefined) throw new ImaError('later', 'another program holds the mailbox');
        using _held = lock;
        [batch, this.#waiting] = [this.#waiting, []];
        await this.#append(batch);
      } catch (error) {
        if (batch.length === 0) [batch, this.#waiting] = [this.#waiting, []];
        for (const { reject } of batch) reject(error);
      }
    }
    this.#writing = false;
  }

  async #append(batch: readonly Waiting[]): Promise<void> {
    await this.catchUp();
    let seq = this.#seq;
    let text = await this.#mended();
    const numbers: number[] = [];
    for (const { changes } of batch) {
      for (const { kind, id } of changes) {
        seq += 1;
        text += `${seq} ${kind} ${id}\n`;
      }
      numbers.push(seq);
    }
    {
      await using log = await open(this.#places.log, 'a', OWNER_ONLY);
      await log.appendFile(text);
    }
    await this.catchUp();
    await this.#count(seq);
    if (this.#lines > MAX_LINES + 2 * this.#last.size) await this.#shorten();
    for (const [place, { resolve }] of batch.entries()) resolve(numbers[place] ?? seq);
  }

  /** What has to stand before the next line when a crash left half of one. */
  async #mended(): Promise<string> {
    const size = (await stat(this.#places.log).catch(absent))?.size ?? 0;
    return size > this.#read ? '\n' : '';
  }

  /** The log is what counts; after a crash `seq` may be behind it. */
  async #count(seq: number): Promise<void> {
    const draft = `${this.#places.seq}.new`;
    await writeFile(draft, `${seq}\n`, { mode: OWNER_ONLY });
    await rename(draft, this.#places.seq);
  }

  /** Drops the older lines. Messages that are there still keep one, under the lowest number that is left. */
  async #shorten(): Promise<void> {
    const lines = (await readFile(this.#places.log, 'latin1')).split('\n').filter((line) => line !== '');
    const kept = lines.slice(-MAX_LINES / 2);
    const from = Number(kept[0]?.split(' ')[0]);
    const old = [...this.#last].filter(([, { seq, kind }]) => seq < from && kind !== '-');
    const text = [...old.map(([id]) => `${from} + ${id}`), ...kept].join('\n');
    await replaceFile(this.#places.log, `${text}\n`);
    await this.catchUp();
  }

  #forget(): void {
    this.#inode = 0n;
    this.#read = 0;
    this.#lines = 0;
    this.#first = undefined;
    this.#last.clear();
  }

  async #tail(size: number): Promise<string> {
    try {
      await using log = await open(this.#places.log, 'r');
      const length = size - this.#read;
      const { buffer, bytesRead } = await log.read(Buffer.alloc(length), 0, length, this.#read);
      return buffer.toString('latin1', 0, bytesRead);
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return '';
      throw error;
    }
  }

  /** Whole lines only; one that is none of ours is passed over. */
  #take(text: string): void {
    const end = text.lastIndexOf('\n') + 1;
    for (const line of text.slice(0, end).split('\n')) {
      const [digits = '', kind = '', id = ''] = line.split(' ');
      const seq = readNumber(digits);
      if (seq === undefined || !isMessageId(id) || !(kind === '+' || kind === '-' || kind === 'f')) continue;
      this.#first ??= seq;
      this.#seq = Math.max(this.#seq, seq);
      this.#lines += 1;
      this.#last.set(id, { seq, kind });
    }
    this.#read += end;
  }
}
