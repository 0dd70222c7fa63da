// A small certificate authority for private networks and tests: makes a root, and issues certificates under it. Nothing here judges
// certificates; `chain.ts` does.

import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import { toHex } from '../../base/bytes.ts';
import type { Random } from '../../base/random.ts';
import { DAY } from '../../base/time.ts';

const SERIAL_OCTETS = 16;
const ROOT_DAYS = 3650;
const LEAF_DAYS = 397;
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

export type Purpose = 'serverAuth' | 'clientAuth';

export interface Issued {
  /** PEM: this certificate, then those between it and the root. */
  readonly certificate: string;
  /** PEM, PKCS#8. */
  readonly key: string;
}

export interface Request {
  readonly commonName?: string;
  /** dNSNames. */
  readonly hosts?: readonly string[];
  readonly addresses?: readonly string[];
  /** rfc822Names. */
  readonly mails?: readonly string[];
  /** None: no extended key usage at all. */
  readonly purposes?: readonly Purpose[];
  readonly from?: number;
  readonly until?: number;
  /** Makes it an authority itself. */
  readonly authority?: { readonly pathLength?: number };
  /** DER of further extensions, by dotted object identifier. */
  readonly extensions?: readonly { readonly oid: string; readonly critical: boolean; readonly value: Uint8Array }[];
}

export interface Making {
  readonly random: Random;
  readonly now: number;
}

/** A self-signed root, good for ten years. */
export function makeRoot(commonName: string, making: Making, request: Request = {}): Promise<Issued> {
  return make({ until: making.now + ROOT_DAYS * DAY, authority: {}, ...request, commonName }, undefined, making);
}

/** A certificate signed by `issuer`; for a bit more than a year unless the request says otherwise. */
export function issue(issuer: Issued, request: Request, making: Making): Promise<Issued> {
  return make({ until: making.now + LEAF_DAYS * DAY, ...request }, issuer, making);
}

async function make(request: Request, issuer: Issued | undefined, { random, now }: Making): Promise<Issued> {
  await import('reflect-metadata');
  const x509 = await import('@peculiar/x509'); // slow to load, and needed by nobody who only reads certificates
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const signer = issuer === undefined ? key : createPrivateKey(issuer.key);
  const above =
    issuer === undefined ? undefined : new x509.X509Certificate(new X509Certificate(issuer.certificate).raw);
  const { commonName = '', hosts = [], addresses = [], mails = [], purposes = [], authority } = request;
  const names = [
    ...hosts.map((value) => ({ type: 'dns' as const, value })),
    ...addresses.map((value) => ({ type: 'ip' as const, value })),
    ...mails.map((value) => ({ type: 'email' as const, value })),
  ];
  const subject = commonName === '' ? [] : [{ CN: [commonName] }];
  const { digitalSignature, keyCertSign, cRLSign } = x509.KeyUsageFlags;
  const made = await x509.X509CertificateGenerator.create({
    serialNumber: `00${toHex(random.bytes(SERIAL_OCTETS))}`,
    subject,
    issuer: above?.subjectName.toJSON() ?? subject,
    notBefore: new Date(request.from ?? now - DAY),
    notAfter: new Date(request.until ?? now + LEAF_DAYS * DAY),
    signingAlgorithm: ALGORITHM,
    publicKey: await imported(createPublicKey(key), 'spki', 'verify'),
    signingKey: await imported(signer, 'pkcs8', 'sign'),
    extensions: [
      new x509.BasicConstraintsExtension(authority !== undefined, authority?.pathLength, true),
      new x509.KeyUsagesExtension(authority ? keyCertSign | cRLSign : digitalSignature, true),
      ...(purposes.length === 0
        ? []
        : [new x509.ExtendedKeyUsageExtension(purposes.map((purpose) => x509.ExtendedKeyUsage[purpose]))]),
      ...(names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names)]),
      ...(request.extensions ?? []).map(
        ({ oid, critical, value }) => new x509.Extension(oid, critical, new Uint8Array(value)),
      ),
    ],
  });
  const isRoot =
    issuer === undefined ||
    new X509Certificate(issuer.certificate).checkIssued(new X509Certificate(issuer.certificate));
  const between = isRoot ? '' : issuer.certificate;
  return {
    certificate: `${made.toString('pem')}\n${between}`,
    key: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

function imported(key: KeyObject, format: 'pkcs8' | 'spki', use: 'sign' | 'verify') {
  return crypto.subtle.importKey(format, new Uint8Array(key.export({ type: format, format: 'der' })), ALGORITHM, true, [
    use,
  ]);
}
