// The client's folder: what lies where in it.   spec: mixminion-server 9
//
//   mix.toml  client.lock  sending.lock  dir.gz  imported/  keys/keyring.txt  surbs/log  queue/  fragments/

import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';

const OWNER_ONLY = 0o700;

/** Absolute paths. */
export interface ClientHome {
  readonly folder: string;
  readonly config: string;
  readonly lock: string;
  readonly sendingLock: string;
  readonly keyring: string;
  readonly surbLog: string;
  readonly queue: string;
  readonly fragments: string;
}

/** Makes the folder, and those in it that something is written to, for their owner alone. */
export async function openClientHome(path: string): Promise<ClientHome> {
  const folder = resolve(path);
  for (const name of ['', 'keys', 'surbs', 'queue'])
    await mkdir(join(folder, name), { recursive: true, mode: OWNER_ONLY });
  return {
    folder,
    config: join(folder, 'mix.toml'),
    lock: join(folder, 'client'),
    sendingLock: join(folder, 'sending'),
    keyring: join(folder, 'keys', 'keyring.txt'),
    surbLog: join(folder, 'surbs', 'log'),
    queue: join(folder, 'queue'),
    fragments: join(folder, 'fragments'),
  };
}
