// Reads a whole office, running or not, or a backup of one, and tells every fault: configuration, keys, and each message.

import { readFile } from 'node:fs/promises';
import { messageOf } from '../base/errors.ts';
import { readTlsIdentity } from '../net/tls-identity.ts';
import { keep } from '../store/sqlite/keep.ts';
import type { Verification } from '../store/store.ts';
import { readConfigFile } from './config-file.ts';
import { type DataFolder, openToOthers, refuseForeign } from './data-folder.ts';
import { type AnyCounter, settingsSchema } from './settings.ts';

export interface OfficeVerification extends Omit<Verification, 'faults'> {
  readonly folder: string;
  readonly ok: boolean;
  readonly faults: readonly string[];
}

/** Resolves whatever it finds; `progress` hears of messages read. Throws OfficeError `folder` when it is another user's. */
export async function verifyOffice(
  folder: DataFolder,
  counters: readonly AnyCounter[],
  progress: (done: number, total: number) => void,
): Promise<OfficeVerification> {
  await refuseForeign(folder);
  const faults: string[] = [];
  const attempt = async <T>(what: string, work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await work();
    } catch (error) {
      faults.push(`${what}: ${messageOf(error)}`);
      return undefined;
    }
  };
  await attempt('configuration', () => readConfigFile(folder.config, settingsSchema(counters)));
  await attempt('TLS key and certificate', async () =>
    readTlsIdentity(await readFile(folder.tlsCertificate, 'utf8'), await readFile(folder.tlsKey, 'utf8')),
  );
  const open = await attempt('data folder', () => openToOthers(folder));
  faults.push(...(open ?? []).map((path) => `others on this machine may look into ${path}`));
  const check = () => keep({ work: 'check', file: folder.database }, new AbortController().signal, progress);
  const store = await attempt('store', check);
  faults.push(...(store?.faults ?? []));
  const { mailboxes = 0, messages = 0, bytes = 0 } = store ?? {};
  return { folder: folder.path, ok: faults.length === 0, mailboxes, messages, bytes, faults };
}
