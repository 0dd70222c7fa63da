// The certificate that a mailbox is made for: what CRID brings, what SEND and the identification look things up in.

import { Recent } from '../../base/recent.ts';
import { sha256 } from '../../crypto/hash.ts';
import { type Components, MAX_CERTIFICATE, readComponents, uniteComponents, writeComponents } from './components.ts';
import { KeyError } from './errors.ts';
import { isRevoked, usableAt } from './validity.ts';

export interface Certificate {
  /** The primary key's fingerprint, 40 (version 4) or 64 (version 6) upper-case hex digits.   spec: smallmail 2.3 */
  readonly mailbox: string;
  /** The key with nothing in it but what its own signatures bind. */
  readonly octets: Buffer;
  /** All of the key's parts that mail may be encrypted to: 16 lower-case hex digits each; none when it is revoked. */
  readonly encryptionKeyIds: readonly string[];
  /** A revoked key gets no new mailbox; for one that exists, the revocation is to be merged. */
  readonly revoked: boolean;
}

/**
 * Reads one binary public key of at most 65536 octets and judges it at `now` (milliseconds since 1970).
 * Throws KeyError: `malformed` (ERR BadParam) or `unwanted` (REJECT); a revoked key is no error.   spec: smallmail 2.3, 2.4
 */
export async function readCertificate(octets: Uint8Array, now: number): Promise<Certificate> {
  const components = await cachedComponents(octets);
  const { refusal, signing, encryption } = usableAt(components, now);
  const revoked = isRevoked(components, now);
  if (refusal !== undefined && !revoked) throw new KeyError('unwanted', refusal);
  if (!revoked && signing.length === 0) throw new KeyError('unwanted', 'no part of the key may sign');
  if (!revoked && encryption.length === 0) throw new KeyError('unwanted', 'no part of the key may be encrypted to');
  return {
    mailbox: components.primary.key.getFingerprint().toUpperCase(),
    octets: writeComponents(components),
    encryptionKeyIds: encryption.map((key) => key.getKeyID().toHex()),
    revoked,
  };
}

/**
 * The stored certificate with what the offered one adds: subkeys, later expiry, revocations. Undefined when it adds
 * nothing. Only what the primary key signed is ever taken, and nothing is ever taken away, so whoever holds no more than
 * the public key changes nothing. Throws KeyError `unwanted` when the union is too large.   spec: smallmail 2.4
 */
export async function mergeCertificates(
  stored: Uint8Array,
  offered: Pick<Certificate, 'octets'>,
): Promise<Buffer | undefined> {
  const [mine, theirs] = await Promise.all([cachedComponents(stored), cachedComponents(offered.octets)]);
  if (!mine.primary.body.equals(theirs.primary.body)) throw new KeyError('malformed', 'these are two different keys');
  const { united, added } = uniteComponents(mine, theirs);
  if (!added) return undefined;
  const octets = writeComponents(united);
  if (octets.length > MAX_CERTIFICATE) throw new KeyError('unwanted', 'the key would become too large');
  return octets;
}

/** Certificates taken apart lately, by digest of their octets. */
const recent = new Recent<string, Components>(1024);

/** `readComponents`, remembered: a server looks at the same certificate at each identification. */
export async function cachedComponents(octets: Uint8Array): Promise<Components> {
  const digest = sha256(octets).toString('base64');
  const known = recent.get(digest);
  if (known !== undefined) return known;
  const components = await readComponents(octets);
  recent.set(digest, components);
  return components;
}
