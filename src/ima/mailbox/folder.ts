// A folder of a mailbox as programs work on it. The directories are the truth: what strangers put there, take away or flag is found
// and written into the log, as if they had done it themselves.   spec: ima 2.7

import { watch } from 'node:fs';
import { readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { toHex } from '../../base/bytes.ts';
import { codeOf } from '../../base/errors.ts';
import { syncFolder } from '../../base/files.ts';
import type { Random } from '../../base/random.ts';
import { type Clock, SECOND } from '../../base/time.ts';
import { ImaError } from '../errors.ts';
import type { Letter } from '../letter.ts';
import type { FlagChange, Listed } from '../wire/imrp.ts';
import { formatBlock } from '../wire/message.ts';
import { isMessageId } from '../wire/names.ts';
import { type Change, Journal } from './journal.ts';
import { absent, makeFolder, type Places, placesIn } from './layout.ts';
import { flagsTime, readFlags, readHead, readStored, writeFlags, writeStored } from './stored.ts';

/** Flags that others changed are looked for at most this often, since each message has to be looked at. */
const LOOK_AT_FLAGS = 10 * SECOND;
/** Messages looked at side by side. */
const AT_ONCE = 32;

export interface Tools {
  readonly clock: Clock;
  readonly random: Random;
}

/** What a folder may hold. */
export interface Room {
  readonly bytes: number;
  readonly messages: number;
}

interface DeliverOptions {
  readonly flags?: readonly string[];
  readonly room?: Room | undefined;
  /** A new one when not given. */
  readonly id?: string;
}

interface Known {
  readonly size: number;
  readonly flags: readonly string[];
  readonly flagged: bigint;
}

export interface FolderChanges {
  readonly messages: readonly Listed[];
  readonly gone: readonly string[];
  readonly seq: number;
}

export class MailFolder {
  readonly path: string;
  readonly #places: Places;
  readonly #tools: Tools;
  readonly #journal: Journal;
  readonly #known = new Map<string, Known>();
  /** Coming or going by our own hand: the log will have them in a moment. */
  readonly #underWay = new Set<string>();
  #used: Room | undefined;
  #seen: bigint | undefined;
  #flagsSeen = Number.NEGATIVE_INFINITY;

  constructor(path: string, tools: Tools) {
    this.path = path;
    this.#tools = tools;
    this.#places = placesIn(path);
    this.#journal = new Journal(this.#places);
  }

  /** Puts a message into the folder, which is made if need be; durable when this resolves with its id. Throws ImaError `full`. */
  async deliver(letter: Letter, { flags = [], room, id = this.#newId() }: DeliverOptions = {}): Promise<string> {
    await makeFolder(this.path);
    const size = formatBlock(letter.head.headers).length + letter.head.size;
    if (room) await this.#reserve(size, room);
    this.#underWay.add(id);
    try {
      const draft = join(this.#places.tmp, id);
      await writeStored(draft, letter, flags);
      await rename(draft, this.#pathOf(id));
      await syncFolder(this.#places.msg);
      await this.#journal.record({ kind: '+', id });
      return id;
    } catch (error) {
      if (room) this.#account(-size, -1);
      throw error;
    } finally {
      this.#underWay.delete(id);
    }
  }

  /** All messages in the order of their ids, which is that of their arrival. */
  async list(): Promise<Listed[]> {
    await this.#reconcile();
    return this.#listed([...this.#journal.present()].sort());
  }

  /** What changed after `seq`; undefined when that is forgotten. */
  async changes(seq: number): Promise<FolderChanges | undefined> {
    await this.#reconcile();
    if (seq < this.#journal.forgotten || seq > this.#journal.seq) return undefined;
    const changed = this.#journal.since(seq);
    return {
      messages: await this.#listed(changed.filter(({ kind }) => kind !== '-').map(({ id }) => id)),
      gone: changed.filter(({ kind }) => kind === '-').map(({ id }) => id),
      seq: this.#journal.seq,
    };
  }

  /** The number of the last change. */
  async seq(): Promise<number> {
    await this.#reconcile();
    return this.#journal.seq;
  }

  async find(id: string): Promise<Listed> {
    await this.#journal.catchUp();
    const [found] = await this.#listed([this.#checked(id)]);
    return found ?? unknown();
  }

  async read(id: string): Promise<Letter> {
    return readStored(this.#pathOf(this.#checked(id)));
  }

  /** The flags are then these; one who asks for a change that is there already changes nothing. */
  async flag(id: string, changes: readonly FlagChange[]): Promise<readonly string[]> {
    const path = this.#pathOf(this.#checked(id));
    await readHead(path);
    const before = await readFlags(path);
    const after = new Set(before);
    for (const { sign, word } of changes) {
      if (sign === '+') after.add(word);
      else after.delete(word);
    }
    if (after.size === before.length && before.every((word) => after.has(word))) return before;
    await writeFlags(path, [...after]);
    this.#known.delete(id);
    await this.#journal.record({ kind: 'f', id });
    return readFlags(path);
  }

  /** Throws ImaError `unknown`. */
  async remove(id: string): Promise<void> {
    const path = this.#pathOf(this.#checked(id));
    const aside = join(this.#places.tmp, `${id}.${toHex(this.#tools.random.bytes(4))}`);
    await this.#while([id], async () => {
      await rename(path, aside).catch(orUnknown); // spec: ima 2.7
      await syncFolder(this.#places.msg);
      await this.#gone(id);
    });
    await rm(aside, { recursive: true, force: true });
  }

  /** The message is then in the other folder alone, under a new id. */
  async moveTo(id: string, other: MailFolder): Promise<string> {
    const path = this.#pathOf(this.#checked(id));
    await makeFolder(other.path);
    const moved = other.#newId();
    const move = async () => {
      await rename(path, other.#pathOf(moved)).catch(orUnknown);
      await syncFolder(other.#places.msg);
      await syncFolder(this.#places.msg);
      await other.#journal.record({ kind: '+', id: moved });
      await this.#gone(id);
    };
    await this.#while([id], () => other.#while([moved], move));
    return moved;
  }

  /** Octets and messages that are there. */
  async used(): Promise<Room> {
    this.#used ??= await this.#measure();
    return this.#used;
  }

  /** Calls `wake` when something may have changed, whoever did it. Returns the end of it. */
  watch(wake: () => void): () => void {
    const watchers = [this.path, this.#places.msg].map((path) => watch(path, { persistent: false }, wake));
    for (const watcher of watchers) watcher.on('error', wake); // the folder was removed
    return () => {
      for (const watcher of watchers) watcher.close();
    };
  }

  async #while(ids: readonly string[], work: () => Promise<void>): Promise<void> {
    for (const id of ids) this.#underWay.add(id);
    try {
      await work();
    } finally {
      for (const id of ids) this.#underWay.delete(id);
    }
  }

  async #gone(id: string): Promise<void> {
    const known = this.#known.get(id);
    this.#known.delete(id);
    if (known) this.#account(-known.size, -1);
    else this.#used = undefined;
    await this.#journal.record({ kind: '-', id });
  }

  async #listed(ids: readonly string[]): Promise<Listed[]> {
    const found: Listed[] = [];
    for (let at = 0; at < ids.length; at += AT_ONCE) {
      const some = ids.slice(at, at + AT_ONCE);
      const known = await Promise.all(some.map((id) => this.#know(id)));
      for (const [place, id] of some.entries()) {
        const about = known[place];
        if (about === undefined) continue; // removed just now, or damaged
        const seq = this.#journal.lastOf(id)?.seq ?? this.#journal.forgotten;
        found.push({ id, size: about.size, seq, flags: about.flags });
      }
    }
    return found;
  }

  async #know(id: string): Promise<Known | undefined> {
    const known = this.#known.get(id);
    const last = this.#journal.lastOf(id);
    if (known && last?.kind !== 'f') return known;
    return this.#look(id, known?.size);
  }

  async #look(id: string, size: number | undefined): Promise<Known | undefined> {
    const path = this.#pathOf(id);
    try {
      const flagged = await flagsTime(path);
      const flags = await readFlags(path);
      const known = { size: size ?? (await sizeOf(path)), flags, flagged };
      this.#known.set(id, known);
      return known;
    } catch (error) {
      if (error instanceof ImaError) return undefined;
      throw error;
    }
  }

  /** Writes into the log what others did without it, and makes the log durable. */
  async #reconcile(): Promise<void> {
    const found = await stat(this.#places.msg, { bigint: true }).catch(absent);
    await this.#journal.catchUp();
    if (found !== undefined) {
      const changes = found.mtimeNs === this.#seen ? [] : await this.#compare();
      changes.push(...(await this.#flagChanges()));
      if (changes.length > 0) await this.#journal.record(...changes);
      // A change within the same tick of the file system's clock would not be seen: looked at again until the tick is over.
      const settled = BigInt(this.#tools.clock.now()) * 1_000_000n - found.mtimeNs > 2_000_000_000n;
      this.#seen = settled ? found.mtimeNs : undefined;
    }
    await this.#journal.settle();
  }

  async #compare(): Promise<Change[]> {
    const names = await readdir(this.#places.msg);
    await this.#journal.catchUp();
    const there = new Set(names.filter(isMessageId));
    const changes: Change[] = [];
    for (const id of this.#journal.present()) {
      if (there.has(id) || this.#underWay.has(id)) continue;
      this.#known.delete(id);
      this.#used = undefined;
      changes.push({ kind: '-', id });
    }
    for (const id of there) {
      const last = this.#journal.lastOf(id);
      if ((last === undefined || last.kind === '-') && !this.#underWay.has(id)) {
        this.#used = undefined;
        changes.push({ kind: '+', id }); // a stranger's; where another of our programs is just writing it down, twice does no harm
      }
    }
    return changes;
  }

  async #flagChanges(): Promise<Change[]> {
    const now = this.#tools.clock.now();
    if (now - this.#flagsSeen < LOOK_AT_FLAGS) return [];
    this.#flagsSeen = now;
    const changes: Change[] = [];
    for (const [id, known] of this.#known) {
      const flagged = await flagsTime(this.#pathOf(id));
      if (flagged === known.flagged) continue;
      const looked = await this.#look(id, known.size);
      if (looked && looked.flags.join() !== known.flags.join()) changes.push({ kind: 'f', id });
    }
    return changes;
  }

  async #measure(): Promise<Room> {
    await this.#reconcile();
    const messages = await this.#listed([...this.#journal.present()]);
    return { bytes: messages.reduce((sum, { size }) => sum + size, 0), messages: messages.length };
  }

  /** Sets room aside, or throws ImaError `full`. */
  async #reserve(size: number, room: Room): Promise<void> {
    const used = await this.used();
    if (used.bytes + size > room.bytes || used.messages + 1 > room.messages)
      throw new ImaError('full', 'the mailbox is full');
    this.#account(size, 1);
  }

  #account(bytes: number, messages: number): void {
    if (this.#used) this.#used = { bytes: this.#used.bytes + bytes, messages: this.#used.messages + messages };
  }

  #newId(): string {
    const { clock, random } = this.#tools;
    return `${String(clock.now()).padStart(13, '0')}-${toHex(random.bytes(8))}`;
  }

  #pathOf(id: string): string {
    return join(this.#places.msg, id);
  }

  #checked(id: string): string {
    return isMessageId(id) ? id : unknown();
  }
}

async function sizeOf(path: string): Promise<number> {
  const head = await readHead(path);
  return formatBlock(head.headers).length + head.size;
}

function unknown(): never {
  throw new ImaError('unknown', 'there is no such message');
}

function orUnknown(error: unknown): never {
  if (codeOf(error) === 'ENOENT') unknown();
  throw error;
}
