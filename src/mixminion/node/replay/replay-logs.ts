// Which packets were seen before: one table for each packet key, and what is not durable yet.   spec: mixminion-server 2

import { fromHex, toHex } from '../../../base/bytes.ts';
import type { Random } from '../../../base/random.ts';
import type { Disk, DiskFile } from '../disk/disk.ts';
import type { Burnt } from '../spool/record.ts';
import { ReplayTable } from './replay-table.ts';

const NAME = /^replay-([0-9a-f]{40})$/;
/** Pages that may wait to be of use again before the tables are synced for their sake. */
const MAX_WAITING_PAGES = 512;

export class ReplayLogs {
  readonly #disk: Disk;
  readonly #random: Random;
  readonly #tables = new Map<string, ReplayTable>();
  /** Hashes of packets that are on their way into the spool. */
  readonly #claimed = new Set<string>();
  #syncing: Promise<void> | undefined;

  private constructor(disk: Disk, random: Random) {
    this.#disk = disk;
    this.#random = random;
  }

  /** Opens all logs that a disk has. `random` gives the 16-octet salt of each new one. */
  static async open(disk: Disk, random: Random): Promise<ReplayLogs> {
    const logs = new ReplayLogs(disk, random);
    for (const name of await disk.list()) {
      const keyId = fromHex(NAME.exec(name)?.[1] ?? '');
      if (keyId !== undefined && keyId.length > 0) await logs.#open(keyId);
    }
    return logs;
  }

  /** Begins logs for keys that have none, and deletes those of keys that are no more. */
  async useKeys(keyIds: readonly Uint8Array[]): Promise<void> {
    for (const keyId of keyIds) if (!this.#tables.has(toHex(keyId))) await this.#open(keyId);
    const kept = new Set(keyIds.map(toHex));
    for (const [name, table] of this.#tables) {
      if (kept.has(name)) continue;
      this.#tables.delete(name);
      await this.#syncing;
      await table.close();
      await this.#disk.remove(`replay-${name}`);
    }
  }

  /**
   * Whether a packet is the first with its hash: then the hash is taken, and `settle` is to follow. `no-key` when the key's
   * log is gone, and nobody knows.
   */
  claim(burnt: Burnt): 'new' | 'replay' | 'no-key' {
    const table = this.#tables.get(toHex(burnt.keyId));
    const name = nameOf(burnt);
    if (table === undefined) return 'no-key';
    if (this.#claimed.has(name) || table.has(burnt.replayHash)) return 'replay';
    this.#claimed.add(name);
    return 'new';
  }

  /** The packet is durable in the spool, hash and all: the table may have it now. */
  settle(burnt: Burnt): void {
    const table = this.#tables.get(toHex(burnt.keyId));
    table?.add(burnt.replayHash);
    this.#claimed.delete(nameOf(burnt));
    if ((table?.waitingPages ?? 0) > MAX_WAITING_PAGES) void this.sync().catch(() => {}); // the next one fails loudly
  }

  /** All that was settled before the call is durable when it resolves. */
  async sync(): Promise<void> {
    await this.#syncing;
    this.#syncing ??= this.#sync().finally(() => {
      this.#syncing = undefined;
    });
    await this.#syncing;
  }

  async close(): Promise<void> {
    await this.#syncing;
    for (const table of this.#tables.values()) await table.close();
    this.#tables.clear();
  }

  async #sync(): Promise<void> {
    for (const table of this.#tables.values()) await table.sync();
  }

  async #open(keyId: Uint8Array): Promise<void> {
    const name = toHex(keyId);
    const file: DiskFile = await this.#disk.open(`replay-${name}`);
    this.#tables.set(name, await ReplayTable.open(file, keyId, this.#random));
  }
}

function nameOf({ keyId, replayHash }: Burnt): string {
  return keyId.toString('latin1') + replayHash.toString('latin1');
}
