// DANE (RFC 7672): the name service, where its answers are signed and somebody has checked that, says which key a mail server has.
// Node's own resolver does not say whether an answer was checked, so this is used only where the office is given one that does.

import { createHash, type X509Certificate } from 'node:crypto';
import { equalBytes } from '../../base/bytes.ts';

export interface TlsaRecord {
  /** 3: the server's own key or certificate. Others name an authority, and are not used here. RFC 7672 3.1 */
  readonly usage: number;
  /** 0: the certificate, 1: its SubjectPublicKeyInfo. */
  readonly selector: number;
  /** 0: the octets themselves, 1: their SHA-256, 2: their SHA-512. */
  readonly matching: number;
  readonly data: Uint8Array;
}

/** TLSA records of `_port._tcp.host` whose signatures were checked; [] when there are none, or none that were. Throws NetError `dns`. */
export type TlsaLookup = (host: string, port: number) => Promise<readonly TlsaRecord[]>;

const DANE_EE = 3;

/**
 * Whether the certificate is the one that the records name; undefined when there is none among them that can be used: then TLS is
 * asked for, and any certificate will do (RFC 7672 2.2).
 */
export function matchesTlsa(certificate: X509Certificate, records: readonly TlsaRecord[]): boolean | undefined {
  const usable = records.filter(
    ({ usage, selector, matching }) => usage === DANE_EE && [0, 1].includes(selector) && [0, 1, 2].includes(matching),
  );
  if (usable.length === 0) return undefined;
  return usable.some(({ selector, matching, data }) => {
    const octets = selector === 0 ? certificate.raw : certificate.publicKey.export({ type: 'spki', format: 'der' });
    const shown =
      matching === 0
        ? octets
        : createHash(matching === 1 ? 'sha256' : 'sha512')
            .update(octets)
            .digest();
    return equalBytes(shown, data);
  });
}
