// Files that nobody else may read: a secret that others can read is none, and a program says so before it uses it.

import { stat } from 'node:fs/promises';
import type { TlsIdentity } from '../../net/tls-identity.ts';
import { ImaError } from '../errors.ts';
import { loadCertificate } from '../trust/load.ts';

const OTHERS = 0o007;

/** Throws ImaError `usage` when everybody on this machine may read or change the file; one that is not there is somebody else's to miss. */
export async function refuseOpenSecret(file: string): Promise<void> {
  const found = await stat(file).catch(() => undefined);
  if (found === undefined || (found.mode & OTHERS) === 0) return;
  throw new ImaError('usage', `everybody may read or change ${file}`, { remedy: `chmod 600 ${file}` });
}

/** The certificate and its key, which has to be for its owner alone. Throws ImaError and NetError. */
export async function readKeyPair(files: { readonly cert: string; readonly key: string }): Promise<TlsIdentity> {
  await refuseOpenSecret(files.key);
  return loadCertificate(files);
}
