// Trust and one's own certificate from what the configuration names.   spec: ima 2.4

import { readFile } from 'node:fs/promises';
import { messageOf } from '../../base/errors.ts';
import { readTlsIdentity, type TlsIdentity } from '../../net/tls-identity.ts';
import { ImaError } from '../errors.ts';
import type { TrustFields } from '../programs/settings.ts';
import type { ClientUse } from './chain.ts';
import type { Trust } from './peer.ts';
import { loadRoots } from './roots.ts';

export async function loadTrust(
  { extra_ca, only_extra_ca, pins }: TrustFields,
  clientUse: ClientUse = 'any',
): Promise<Trust> {
  const byHost = new Map<string, string[]>();
  for (const [host, key] of pins) byHost.set(host, [...(byHost.get(host) ?? []), key]);
  return { roots: await loadRoots({ extraCa: extra_ca, onlyExtraCa: only_extra_ca }), clientUse, pins: byHost };
}

/** Throws ImaError `certificate` and NetError `tls`. */
export async function loadCertificate({
  cert,
  key,
}: {
  readonly cert: string;
  readonly key: string;
}): Promise<TlsIdentity> {
  if (cert === '' || key === '') {
    throw new ImaError('certificate', 'there is no certificate', {
      remedy: 'name one in `cert` and `key`; `postern ca` makes some for a private network',
    });
  }
  return readTlsIdentity(await readText(cert), await readText(key));
}

async function readText(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((cause: unknown) => {
    throw new ImaError('certificate', `cannot read ${file}: ${messageOf(cause)}`, { cause });
  });
}
