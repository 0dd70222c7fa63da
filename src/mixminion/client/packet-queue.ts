// Packets that wait to be handed in, on disk: a folder for each message, with a file for each packet. A message is there
// with all of its packets or not at all, whenever a crash comes; nothing is ever queued twice.
// spec: mixminion-server 9.3
//
//   BATCH/0000 = one line of JSON (where to hand it in, and the midnight before it was queued) | the packet, 32768 octets

import { mkdir, open, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { toHex } from '../../base/bytes.ts';
import { codeOf } from '../../base/errors.ts';
import { syncFolder } from '../../base/files.ts';
import { type Random, systemRandom } from '../../base/random.ts';
import { type Clock, startOfDay, systemClock } from '../../base/time.ts';
import type { Hop } from '../mmtp/link.ts';
import { PACKET_LENGTH } from '../packet/layout.ts';
import { Packet } from './packet.ts';
import { asApi } from './translate.ts';

const OWNER_ONLY = 0o600;
const OWNER_ONLY_FOLDER = 0o700;
/** Octets of the line in front of a packet. */
const MAX_HEAD = 1024;
/** Files that are written at a time. */
const AT_A_TIME = 16;
const BATCH = /^[0-9a-f]{16}$/;
const DRAFT = /^[0-9a-f]{16}\.new$/;

const headShape = z.strictObject({
  host: z.string().min(1).max(255),
  port: z.int().min(1).max(65535),
  keyId: z.string().regex(/^[0-9a-f]{40}$/),
  nickname: z.string().max(128).optional(),
  queued: z.int().min(0),
});

export interface QueuedPacket {
  /** Its name in the queue. */
  readonly id: string;
  readonly firstHop: Hop;
  /** The midnight (UTC) before it was queued. */
  readonly queued: Date;
}

export interface PacketQueueOptions {
  readonly clock?: Clock;
  readonly random?: Random;
  /** Told of a file that is no packet; it stays where it is. */
  readonly onWarning?: (text: string) => void;
}

export class PacketQueue {
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #warn: (text: string) => void;

  /** The folder is made by the first packet. */
  constructor(folder: string, { clock, random, onWarning }: PacketQueueOptions = {}) {
    this.#folder = folder;
    this.#clock = clock ?? systemClock;
    this.#random = random ?? systemRandom;
    this.#warn = onWarning ?? (() => {});
  }

  /** Queues the packets of one message, all or none; they are durable when the promise resolves to their names. */
  add(packets: readonly Packet[]): Promise<string[]> {
    return asApi(async () => {
      if (packets.length === 0) return [];
      const batch = toHex(this.#random.bytes(8));
      const draft = join(this.#folder, `${batch}.new`);
      await mkdir(draft, { recursive: true, mode: OWNER_ONLY_FOLDER });
      const names = packets.map((_, place) => String(place).padStart(4, '0'));
      const queued = startOfDay(this.#clock.now());
      for (let from = 0; from < packets.length; from += AT_A_TIME) {
        const some = packets.slice(from, from + AT_A_TIME);
        await Promise.all(some.map((packet, at) => write(join(draft, names[from + at] ?? ''), packet, queued)));
      }
      await syncFolder(draft);
      await rename(draft, join(this.#folder, batch));
      await syncFolder(this.#folder);
      return names.map((name) => `${batch}/${name}`);
    });
  }

  /** What waits, in no meaningful order. */
  list(): Promise<QueuedPacket[]> {
    return asApi(async () => {
      const found: QueuedPacket[] = [];
      for (const batch of await namesIn(this.#folder)) {
        if (!BATCH.test(batch)) continue;
        for (const name of await namesIn(join(this.#folder, batch))) {
          const id = `${batch}/${name}`;
          const head = await this.#open(id);
          if (head !== undefined) found.push({ id, firstHop: head.firstHop, queued: head.queued });
        }
      }
      return found;
    });
  }

  /** A packet by its name, or undefined when it is not there any more. */
  read(id: string): Promise<Packet | undefined> {
    return asApi(async () => {
      const found = await this.#open(id, MAX_HEAD + PACKET_LENGTH);
      return found && new Packet(found.octets.subarray(found.headLength), found.firstHop);
    });
  }

  /**
   * Takes a packet out: it was handed in, or is given up. One that is not there is no error. Not synced: when the power
   * fails it may be there again, and its server, which has it, drops the second one as a replay.
   */
  remove(id: string): Promise<void> {
    return asApi(async () => {
      const [batch = ''] = id.split('/');
      await rm(join(this.#folder, id), { force: true });
      await rmdir(join(this.#folder, batch)).catch((error) => {
        if (!['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(codeOf(error) ?? '')) throw error;
      });
    });
  }

  /** Takes out what was queued before the midnight of `before`, for these servers only when they are named. */
  clean(before: Date, servers?: readonly string[]): Promise<number> {
    return asApi(async () => {
      const limit = startOfDay(before.getTime());
      const old = (await this.list()).filter(
        ({ queued, firstHop }) => queued.getTime() < limit && isOneOf(firstHop, servers),
      );
      for (const { id } of old) await this.remove(id);
      return old.length;
    });
  }

  /** Removes what a crash left half written. Only while nobody else adds. */
  sweep(): Promise<void> {
    return asApi(async () => {
      for (const name of await namesIn(this.#folder))
        if (DRAFT.test(name)) await rm(join(this.#folder, name), { recursive: true, force: true });
    });
  }

  /** The first `length` octets of a file, if that is a packet of the queue. */
  async #open(id: string, length = MAX_HEAD) {
    try {
      await using file = await open(join(this.#folder, id));
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length);
      const octets = buffer.subarray(0, bytesRead);
      const head = parseHead(octets);
      if (head !== undefined && (await file.stat()).size === head.headLength + PACKET_LENGTH)
        return { ...head, octets };
      this.#warn(`${join(this.#folder, id)} is no packet; it is left there`);
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error; // it was sent in the meantime
    }
    return undefined;
  }
}

/** Whether a server is among those named, by nickname or host name in any case; any is when none are named. */
export function isOneOf({ nickname, host }: Hop, names: readonly string[] | undefined): boolean {
  const own = [nickname, host].map((name) => name?.toLowerCase());
  return names === undefined || names.some((name) => own.includes(name.toLowerCase()));
}

async function write(path: string, { bytes, firstHop }: Packet, queued: number): Promise<void> {
  const { host, port, keyId, nickname } = firstHop;
  const head = { host, port, keyId: toHex(keyId), ...(nickname === undefined ? {} : { nickname }), queued };
  await using file = await open(path, 'wx', OWNER_ONLY);
  await file.writeFile(Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), bytes]));
  await file.sync();
}

function parseHead(octets: Buffer): { headLength: number; firstHop: Hop; queued: Date } | undefined {
  const end = octets.subarray(0, MAX_HEAD).indexOf('\n');
  const head = headShape.safeParse(end < 0 ? undefined : jsonOf(octets.toString('utf8', 0, end)));
  if (!head.success) return undefined;
  const { host, port, keyId, nickname, queued } = head.data;
  const firstHop = { host, port, keyId: Buffer.from(keyId, 'hex'), ...(nickname === undefined ? {} : { nickname }) };
  return { headLength: end + 1, firstHop, queued: new Date(queued) };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(error) ?? '')) return [];
    throw error;
  }
}
