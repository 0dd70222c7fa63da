// The key ring on disk: `keyring.txt` in the client's folder, readable by its owner alone.   spec: mixminion-e2e 9

import { open } from 'node:fs/promises';
import { codeOf } from '../../base/errors.ts';
import { replaceFile } from '../../base/files.ts';
import type { Random } from '../../base/random.ts';
import type { Clock } from '../../base/time.ts';
import { type KeyRing, KeyRingError, openKeyRing, sealKeyRing, withoutExpired } from './keyring.ts';

/** Octets of a key ring file; one secret takes some 70. */
const MAX_FILE = 4 << 20;

export interface LoadedKeyRing {
  /** Without the secrets whose time is over. */
  readonly ring: KeyRing;
  /** What opened it: save the ring with it again. */
  readonly passphrase: string;
}

/**
 * The key ring in a file, or undefined when there is no file. The empty passphrase is tried before `ask` is called.
 * Throws KeyRingError (`passphrase` when the answer is wrong), or errors of the file system.
 */
export async function loadKeyRing(
  path: string,
  ask: () => Promise<string>,
  clock: Clock,
): Promise<LoadedKeyRing | undefined> {
  const text = await contents(path);
  if (text === undefined) return undefined;
  const passphrase = opensWith(text, '') ? '' : await ask();
  return { ring: withoutExpired(openKeyRing(text, passphrase), clock.now()), passphrase };
}

/** Puts the key ring in the place of the file, mode 0600; it is durable when the promise resolves. */
export function saveKeyRing(path: string, { ring, passphrase }: LoadedKeyRing, random: Random): Promise<void> {
  return replaceFile(path, sealKeyRing(ring, passphrase, random));
}

function opensWith(text: Buffer, passphrase: string): boolean {
  try {
    openKeyRing(text, passphrase);
    return true;
  } catch (error) {
    if (error instanceof KeyRingError && error.code === 'passphrase') return false;
    throw error;
  }
}

async function contents(path: string): Promise<Buffer | undefined> {
  try {
    const file = await open(path, 'r');
    try {
      if ((await file.stat()).size > MAX_FILE) throw new KeyRingError('keyring', 'the key ring file is far too large');
      return await file.readFile();
    } finally {
      await file.close();
    }
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
