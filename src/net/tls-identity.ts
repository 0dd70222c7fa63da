// A TLS server's own certificate and key, and the fingerprint that clients pin: SHA-256 of the SubjectPublicKeyInfo.

import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import { toHex } from '../base/bytes.ts';
import { DAY } from '../base/time.ts';
import { sha256 } from '../crypto/hash.ts';
import { NetError } from './errors.ts';

/** Ciphers of a server. None without forward secrecy: who steals the key later reads nothing recorded before. */
export const FORWARD_SECRET = [
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'TLS_AES_128_GCM_SHA256',
  'ECDHE+AESGCM',
  'ECDHE+CHACHA20',
].join(':');

export interface TlsIdentity {
  /** PEM: the certificate, then its chain if there is one. */
  readonly certificate: string;
  /** PEM, PKCS#8. */
  readonly key: string;
  /** SHA-256 of the SubjectPublicKeyInfo, 32 octets: stays the same over renewals that keep the key. */
  readonly serverKey: Buffer;
  /** The same of the key that will take its place, where one is planned: counters that can tell their peers do. */
  readonly next?: Buffer;
  readonly validFrom: number;
  readonly validUntil: number;
}

/** Checks that certificate and key belong together. Throws NetError `tls` with what to do. */
export function readTlsIdentity(certificate: string, key: string): TlsIdentity {
  try {
    const leaf = new X509Certificate(certificate);
    if (!leaf.checkPrivateKey(createPrivateKey(key))) throw new Error('the key is not the one in the certificate');
    return {
      certificate,
      key,
      serverKey: keyFingerprint(leaf.publicKey),
      validFrom: leaf.validFromDate.getTime(),
      validUntil: leaf.validToDate.getTime(),
    };
  } catch (cause) {
    throw new NetError('tls', 'the TLS certificate and key cannot be used', {
      cause,
      remedy: 'give a PEM certificate and the unencrypted PEM key that belongs to it',
    });
  }
}

/** SHA-256 of the key's SubjectPublicKeyInfo in DER. */
export function keyFingerprint(key: KeyObject): Buffer {
  return sha256(key.export({ type: 'spki', format: 'der' }));
}

/** A new P-256 key, PEM. */
export function makeTlsKey(): string {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' })
    .privateKey.export({ type: 'pkcs8', format: 'pem' })
    .toString();
}

/** A self-signed certificate for `name` over the given key, good for ten years from the day before `now`. */
export async function makeSelfSigned(name: string, key: string, now: number): Promise<TlsIdentity> {
  await import('reflect-metadata');
  const x509 = await import('@peculiar/x509'); // loaded only here: it is slow to start and needed once in ten years
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const privateKey = createPrivateKey(key);
  const import_ = (format: 'pkcs8' | 'spki', der: Buffer, use: 'sign' | 'verify') =>
    crypto.subtle.importKey(format, new Uint8Array(der), algorithm, true, [use]);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: toHex(sha256(keyFingerprint(createPublicKey(privateKey)), Buffer.from(String(now)))).slice(0, 30),
    name: `CN=${name}`,
    notBefore: new Date(now - DAY),
    notAfter: new Date(now + 3650 * DAY),
    signingAlgorithm: algorithm,
    keys: {
      privateKey: await import_('pkcs8', privateKey.export({ type: 'pkcs8', format: 'der' }), 'sign'),
      publicKey: await import_('spki', createPublicKey(privateKey).export({ type: 'spki', format: 'der' }), 'verify'),
    },
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension([{ type: /^[\d.]+$|:/.test(name) ? 'ip' : 'dns', value: name }]),
    ],
  });
  return readTlsIdentity(certificate.toString('pem'), key);
}
