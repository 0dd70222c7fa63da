// The certificates that are trusted: those of the operating system, from its bundle file, and those of the configuration. Node by itself
// would use a list of its own.   spec: ima 2.4

import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { codeOf, messageOf } from '../../base/errors.ts';
import { ImaError } from '../errors.ts';

/** Where systems keep their bundle; the first that is there counts. */
const BUNDLES = [
  '/etc/ssl/certs/ca-certificates.crt', // Debian, Arch, Alpine
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem', // Fedora
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem', // openSUSE
  '/etc/ssl/cert.pem', // BSD, macOS
];
const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

export interface TrustSettings {
  /** PEM files beside the system's. */
  readonly extraCa: readonly string[];
  /** Trust nothing else: for private networks and tests. */
  readonly onlyExtraCa: boolean;
}

export class Roots {
  readonly #bySubject = new Map<string, X509Certificate[]>();
  readonly #fingerprints = new Set<string>();

  constructor(certificates: readonly X509Certificate[]) {
    for (const certificate of certificates) {
      if (this.has(certificate)) continue;
      this.#fingerprints.add(certificate.fingerprint256);
      const known = this.#bySubject.get(certificate.subject);
      if (known) known.push(certificate);
      else this.#bySubject.set(certificate.subject, [certificate]);
    }
  }

  get size(): number {
    return this.#fingerprints.size;
  }

  has(certificate: X509Certificate): boolean {
    return this.#fingerprints.has(certificate.fingerprint256);
  }

  /** Those that may have signed `certificate`, by their names. */
  issuersOf(certificate: X509Certificate): readonly X509Certificate[] {
    return this.#bySubject.get(certificate.issuer) ?? [];
  }
}

/**
 * Reads all that is trusted; a system without a bundle trusts nobody. Throws ImaError `certificate` when a file of the configuration cannot
 * be read, or was to be all and holds none.
 */
export async function loadRoots({ extraCa, onlyExtraCa }: TrustSettings): Promise<Roots> {
  const own = await Promise.all(extraCa.map(readOwn));
  const system = onlyExtraCa ? '' : await systemBundle();
  const roots = new Roots([...own, system].flatMap(certificatesIn));
  if (roots.size > 0 || !onlyExtraCa) return roots;
  throw new ImaError('certificate', 'there is no certificate authority to trust', {
    remedy: 'name a PEM file with certificates in extra_ca',
  });
}

/** All certificates in a PEM text, in order. */
export function certificatesIn(pem: string): X509Certificate[] {
  return (pem.match(PEM) ?? []).map((text) => new X509Certificate(text));
}

async function readOwn(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new ImaError('certificate', `cannot read ${file}: ${messageOf(cause)}`, {
      cause,
      remedy: 'is the name in extra_ca right?',
    });
  }
}

async function systemBundle(): Promise<string> {
  const named = process.env['SSL_CERT_FILE'];
  for (const file of named === undefined || named === '' ? BUNDLES : [named]) {
    try {
      return await readFile(file, 'utf8');
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error;
    }
  }
  return '';
}
