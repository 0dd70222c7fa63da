// The desk of one nym: its folder, its ways out, and its record, which is on the disk before anybody goes on.   spec: mixminion-nym 10

import type { Random } from '../../base/random.ts';
import type { Clock } from '../../base/time.ts';
import { RsaPrivateKey } from '../../crypto/rsa.ts';
import type { Surb } from '../../mixminion/packet/surb.ts';
import type { KeyKind, NymFolder } from './folder.ts';
import type { HolderRecord, ServerAddress } from './record.ts';

const KEY_BITS = 2048;

/** How a nymholder reaches the mix. */
export interface HolderMix {
  /** Fresh reply blocks of that identity; the secret that reads the answers is on the disk before. */
  surbs(identity: string, count: number): Promise<readonly Surb[]>;
  /** Durable on its way when it resolves. */
  send(message: Buffer, server: ServerAddress): Promise<void>;
}

export interface HolderParts {
  readonly folder: NymFolder;
  readonly mix: HolderMix;
  readonly clock: Clock;
  readonly random: Random;
  /** Makes a key pair; tests have some in store. */
  readonly generate?: (bits: number) => Promise<RsaPrivateKey>;
}

export class Desk {
  readonly parts: HolderParts;
  #record: HolderRecord;

  /** `record` is what lies in the folder. */
  constructor(parts: HolderParts, record: HolderRecord) {
    this.parts = parts;
    this.#record = record;
  }

  get record(): HolderRecord {
    return this.#record;
  }

  /** Durable when it resolves. */
  async save(record: HolderRecord): Promise<void> {
    if (record === this.#record) return;
    await this.parts.folder.save(record);
    this.#record = record;
  }

  /** Changes some of the record. */
  change(changes: Partial<HolderRecord>): Promise<void> {
    return this.save({ ...this.#record, ...changes });
  }
}

/** Makes a key pair that lies in the folder when it resolves. */
export async function makeKey(
  { folder, generate = RsaPrivateKey.generate }: HolderParts,
  kind: KeyKind,
  number: number,
) {
  const key = await generate(KEY_BITS);
  await folder.saveKey(kind, number, key);
  return key;
}
