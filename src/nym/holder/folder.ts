// The folder of one nym: its record, its keys, its mail. Nothing in it is shared with another nym.
//
//   nym.json   keys/identity-1.pem  keys/encryption-1.pem   mail/NUMBER.eml   synopses/NUMBER.txt

import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../../base/errors.ts';
import { readIfThere, replaceFile } from '../../base/files.ts';
import { RsaPrivateKey } from '../../crypto/rsa.ts';
import { HolderError } from './errors.ts';
import { type HolderRecord, readRecord, writeRecord } from './record.ts';

const OWNER_ONLY = 0o700;
const RECORD = 'nym.json';

export type KeyKind = 'identity' | 'encryption';
export type TextKind = 'mail' | 'synopses';

export class NymFolder {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** Made when it is missing, for its owner alone. */
  static async open(path: string): Promise<NymFolder> {
    for (const name of ['', 'keys', 'mail', 'synopses']) {
      await mkdir(join(path, name), { recursive: true, mode: OWNER_ONLY });
    }
    return new NymFolder(path);
  }

  /** Undefined when there is none yet. Throws HolderError `nym-folder`. */
  async record(): Promise<HolderRecord | undefined> {
    const text = await readIfThere(join(this.path, RECORD));
    return text && readRecord(text.toString());
  }

  /** Durable when it resolves. */
  save(record: HolderRecord): Promise<void> {
    return replaceFile(join(this.path, RECORD), writeRecord(record));
  }

  saveKey(kind: KeyKind, number: number, key: RsaPrivateKey): Promise<void> {
    return replaceFile(this.#keyFile(kind, number), key.toPem());
  }

  /** Throws HolderError `nym-folder` when it is not there. */
  async key(kind: KeyKind, number: number): Promise<RsaPrivateKey> {
    const pem = await readIfThere(this.#keyFile(kind, number));
    if (pem === undefined) throw new HolderError('nym-folder', `the ${kind} key ${number} of this nym is not there`);
    return RsaPrivateKey.fromPem(pem.toString());
  }

  removeKey(kind: KeyKind, number: number): Promise<void> {
    return rm(this.#keyFile(kind, number), { force: true });
  }

  saveText(kind: TextKind, number: number, octets: Buffer): Promise<void> {
    return replaceFile(this.#textFile(kind, number), octets);
  }

  text(kind: TextKind, number: number): Promise<Buffer | undefined> {
    return readIfThere(this.#textFile(kind, number));
  }

  removeText(kind: TextKind, number: number): Promise<void> {
    return rm(this.#textFile(kind, number), { force: true });
  }

  #keyFile(kind: KeyKind, number: number): string {
    return join(this.path, 'keys', `${kind}-${number}.pem`);
  }

  #textFile(kind: TextKind, number: number): string {
    return join(this.path, kind, `${number}.${kind === 'mail' ? 'eml' : 'txt'}`);
  }
}

/** Names of the nyms' folders below `folder`. */
export async function nymFolders(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).filter((name) => name.includes('@')).sort();
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
}
