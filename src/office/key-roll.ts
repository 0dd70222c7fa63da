// A planned change of the office's TLS key: the next one is made and announced, and after some weeks it takes the place of the
// present one. Peers of a counter that can announce it (IMMP) go on without anybody's help.   spec: immp 2.4

import { rm, stat, utimes } from 'node:fs/promises';
import { resolve } from 'node:path';
import { toHex } from '../base/bytes.ts';
import { moveFile, replaceFile } from '../base/files.ts';
import { type Clock, DAY, SECOND } from '../base/time.ts';
import { makeTlsKey } from '../net/tls-identity.ts';
import type { DataFolder } from './data-folder.ts';
import { OfficeError } from './errors.ts';
import { loadIdentity } from './identity.ts';
import type { Settings } from './settings.ts';

/** How long a key is announced before it is shown, unless the operator is in a hurry: peers learn of it when they next connect. */
const ANNOUNCED_FOR = 14 * DAY;

export interface KeyRollPlace {
  readonly folder: DataFolder;
  readonly clock: Clock;
  settings(): Settings;
  /** Called when the files have changed; an office that runs reads them again. */
  changed(): Promise<unknown>;
}

/** SHA-256 of the keys' SubjectPublicKeyInfo in hex, times in milliseconds since 1970. */
export interface ServerKeys {
  readonly key: string;
  readonly next?: { readonly key: string; readonly since: number; readonly due: number };
}

/** The key that is shown, and the one that is announced. Throws OfficeError `identity`. */
export async function showKeys(place: KeyRollPlace): Promise<ServerKeys> {
  const { serverKey, next } = await loadIdentity(place.folder, place.settings(), place.clock.now());
  if (next === undefined) return { key: toHex(serverKey) };
  const since = Math.round((await stat(nextFile(place))).mtimeMs);
  return { key: toHex(serverKey), next: { key: toHex(next), since, due: since + ANNOUNCED_FOR } };
}

/** Makes the next key, which is announced from now on. Throws OfficeError `key-roll` when there is one. */
export async function planKey(place: KeyRollPlace): Promise<ServerKeys> {
  const file = nextFile(place);
  if ((await showKeys(place)).next !== undefined) {
    throw new OfficeError('key-roll', 'a next key is announced already', {
      remedy: '`postern immp server-key show` says since when; `cancel` takes it back',
    });
  }
  await replaceFile(file, makeTlsKey());
  const now = place.clock.now() / SECOND;
  await utimes(file, now, now);
  await place.changed();
  return showKeys(place);
}

/** Puts the next key into the place of the present one, which is gone then. Throws OfficeError `key-roll`. */
export async function switchKey(place: KeyRollPlace, isHurried: boolean): Promise<ServerKeys> {
  if (place.settings().tls.certificate !== '') {
    throw new OfficeError('key-roll', 'the certificate that this office shows is your own', {
      remedy: 'have one made over the next key, name both in [tls] of postern.toml, and reload the office',
    });
  }
  const { next } = await showKeys(place);
  if (next === undefined) throw noneAnnounced();
  if (!isHurried && place.clock.now() < next.due) {
    throw new OfficeError('key-roll', 'the next key is announced for too short a time', {
      remedy: `wait until ${new Date(next.due).toISOString().slice(0, 10)}; whoever did not connect meanwhile will take the change for an attack (--now changes it all the same)`,
    });
  }
  await moveFile(nextFile(place), place.folder.tlsKey);
  await place.changed();
  return showKeys(place);
}

/** Announces the next key no more, and forgets it. Throws OfficeError `key-roll` when there is none. */
export async function cancelKey(place: KeyRollPlace): Promise<ServerKeys> {
  if ((await showKeys(place)).next === undefined) throw noneAnnounced();
  await rm(nextFile(place));
  await place.changed();
  return showKeys(place);
}

function nextFile({ folder, settings }: KeyRollPlace): string {
  const name = settings().tls.next_key;
  if (name !== '') return resolve(folder.path, name);
  throw new OfficeError('key-roll', 'there is no place for a next key', {
    remedy: 'name a file as tls.next_key in postern.toml',
  });
}

function noneAnnounced(): OfficeError {
  return new OfficeError('key-roll', 'no next key is announced', { remedy: 'make one: postern immp server-key plan' });
}
