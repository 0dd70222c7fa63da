// The certificate that the TLS ports show: the operator's, or one that the office signs itself and renews over the same key.

import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { codeOf, messageOf } from '../base/errors.ts';
import { replaceFile } from '../base/files.ts';
import { DAY } from '../base/time.ts';
import { isLoopback } from '../net/endpoint.ts';
import { keyFingerprint, makeSelfSigned, makeTlsKey, readTlsIdentity, type TlsIdentity } from '../net/tls-identity.ts';
import type { DataFolder } from './data-folder.ts';
import { OfficeError } from './errors.ts';
import type { Settings } from './settings.ts';

/** A certificate of the office's own making is renewed when it has less than this left. */
const RENEW_BEFORE = 60 * DAY;

/**
 * The identity that `settings` ask for. The office's own key is made once and kept; its certificate is made again, over that
 * key, when `[office] name` has changed or its time runs out. Throws OfficeError `identity`, NetError `tls`.
 */
export async function loadIdentity(folder: DataFolder, settings: Settings, now: number): Promise<TlsIdentity> {
  const identity = (await readGivenIdentity(folder, settings)) ?? (await ownIdentity(folder, settings, now));
  const next = await nextKey(folder, settings);
  return next === undefined ? identity : { ...identity, next };
}

async function ownIdentity(folder: DataFolder, settings: Settings, now: number): Promise<TlsIdentity> {
  const ownKey = await readOr(folder.tlsKey, async () => {
    const made = makeTlsKey();
    await replaceFile(folder.tlsKey, made);
    return made;
  });
  const { name } = settings.office;
  const ownCertificate = await readOr(folder.tlsCertificate, async () => undefined);
  if (ownCertificate !== undefined && belongTogether(ownCertificate, ownKey)) {
    const identity = readTlsIdentity(ownCertificate, ownKey);
    if (carries(ownCertificate, name) && identity.validUntil - now > RENEW_BEFORE) return identity;
  }
  const renewed = await makeSelfSigned(name, ownKey, now);
  await replaceFile(folder.tlsCertificate, renewed.certificate);
  return renewed;
}

/** The operator's certificate and key; undefined when `[tls]` names none. Throws OfficeError `identity`, NetError `tls`. */
export async function readGivenIdentity(folder: DataFolder, { tls }: Settings): Promise<TlsIdentity | undefined> {
  if (tls.certificate === '') return undefined;
  const key = resolve(folder.path, tls.key);
  await refuseOpenKey(key);
  return readTlsIdentity(await read(resolve(folder.path, tls.certificate)), await read(key));
}

/** True for the certificate that the office made for this machine only: nobody elsewhere can tell it from another's. */
export function isDemoIdentity(settings: Settings): boolean {
  return settings.tls.certificate === '' && isLoopback(settings.office.name);
}

/** Not when the planned key was put in the place of the old one. */
function belongTogether(certificate: string, key: string): boolean {
  return new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key));
}

/** The fingerprint of the planned key; undefined when none is planned. */
async function nextKey(folder: DataFolder, { tls }: Settings): Promise<Buffer | undefined> {
  if (tls.next_key === '') return undefined;
  const file = resolve(folder.path, tls.next_key);
  const key = await readOr(file, async () => undefined);
  if (key === undefined) return undefined;
  await refuseOpenKey(file);
  try {
    return keyFingerprint(createPublicKey(key));
  } catch (cause) {
    throw new OfficeError('identity', `${file} holds no private key`, {
      cause,
      remedy: 'make one with: openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256',
    });
  }
}

function carries(certificate: string, name: string): boolean {
  const leaf = new X509Certificate(certificate);
  return (isIP(name) === 0 ? leaf.checkHost(name) : leaf.checkIP(name)) !== undefined;
}

async function refuseOpenKey(file: string): Promise<void> {
  const { mode } = await stat(file).catch(cannotRead(file));
  if ((mode & 0o077) === 0) return;
  throw new OfficeError('identity', `others on this machine may read the TLS key ${file}`, {
    remedy: 'chmod 600 it, and think of a new key: this one may be known to others',
  });
}

function read(file: string): Promise<string> {
  return readFile(file, 'utf8').catch(cannotRead(file));
}

async function readOr<T>(file: string, otherwise: () => Promise<T>): Promise<string | T> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    return codeOf(error) === 'ENOENT' ? otherwise() : cannotRead(file)(error);
  }
}

function cannotRead(file: string): (cause: unknown) => never {
  return (cause) => {
    throw new OfficeError('identity', `${file} cannot be read: ${messageOf(cause)}`, {
      cause,
      remedy: 'is the name in [tls] right, and may the user of the office read the file?',
    });
  };
}
