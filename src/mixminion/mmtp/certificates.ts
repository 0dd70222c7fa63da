// The two certificates of an MMTP link: a short-lived key of the link, signed by the server's identity key. Making them
// and checking them.   spec: mixminion-mmtp 1.3

import { constants, createPublicKey, generateKeyPair, type KeyObject, sign, X509Certificate } from 'node:crypto';
import { promisify } from 'node:util';
import { equalBytes } from '../../base/bytes.ts';
import { Recent } from '../../base/recent.ts';
import { HOUR, SECOND } from '../../base/time.ts';
import { type RsaPrivateKey, RsaPublicKey } from '../../crypto/rsa.ts';
import * as der from './der.ts';
import { MmtpError } from './errors.ts';

/** Stands for "any server": twenty zero octets. */
export const ANY_KEY_ID: Buffer = Buffer.alloc(20);

const ORGANISATION = 'Mixminion network';
/** The old program counts serial numbers in seconds from this moment. */
const SERIAL_EPOCH = 1_041_397_200;
const SLACK = 2 * HOUR;
const LIFETIME = 24 * HOUR;
const MAX_LINK_KEYS = 4096;

/** Of the link key and the signatures. Old servers know nothing better than `mixminion-0.0.8`. */
const STRENGTHS = {
  current: { bits: 2048, hash: 'sha256', signatureType: 11 },
  'mixminion-0.0.8': { bits: 1024, hash: 'sha1', signatureType: 5 },
} as const;

export interface LinkCertificates {
  /** PEM, the link's own certificate first. */
  readonly chain: string;
  /** PEM, PKCS#8, of the link. */
  readonly key: string;
  /** When a new one is due, in milliseconds since 1970 UTC: 24 hours after the making, 2 before the end. */
  readonly renewAt: number;
}

/**
 * Makes a link key and the two certificates for it. Takes about 0.1 s. They hold from 2 hours before `now` (milliseconds
 * since 1970 UTC) to 26 hours after it.
 */
export async function makeLinkCertificates(options: {
  readonly nickname: string;
  readonly identity: RsaPrivateKey;
  readonly now: number;
  readonly compat?: 'mixminion-0.0.8';
}): Promise<LinkCertificates> {
  const { nickname, identity, now, compat = 'current' } = options;
  const { bits, hash, signatureType } = STRENGTHS[compat];
  const link = await promisify(generateKeyPair)('rsa', { modulusLength: bits });
  const algorithm = der.sequence(der.objectId(1, 2, 840, 113549, 1, 1, signatureType), der.nothing());
  const certify = (name: string, key: KeyObject) => {
    const body = der.sequence(
      der.context(0, der.integer(2)), // version 3
      der.integer(Math.floor(now / SECOND) - SERIAL_EPOCH),
      algorithm,
      nameOf(nickname),
      der.sequence(der.moment(now - SLACK), der.moment(now + LIFETIME + SLACK)),
      nameOf(name),
      key.export({ type: 'spki', format: 'der' }),
    );
    const signature = sign(hash, body, { key: identity.keyObject, padding: constants.RSA_PKCS1_PADDING });
    return new X509Certificate(der.sequence(body, algorithm, der.bits(signature))).toString();
  };
  const leaf = certify(`${nickname}<MMTP>`, link.publicKey);
  const root = certify(nickname, createPublicKey(identity.keyObject));
  return {
    chain: leaf + root,
    key: link.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    renewAt: now + LIFETIME,
  };
}

/**
 * Whose identity the keys of links proved to be, each by the SHA-1 of its DER: while a link key lasts, the next connection
 * need not check its certificates again.
 */
export class LinkKeys {
  readonly #owners = new Recent<string, Buffer>(MAX_LINK_KEYS);

  ownerOf(linkKey: Buffer): Buffer | undefined {
    return this.#owners.get(linkKey.toString('latin1'));
  }

  remember(linkKey: Buffer, keyId: Buffer): void {
    this.#owners.set(linkKey.toString('latin1'), keyId);
  }
}

/**
 * Whether a server that showed these certificates, the link's own first, is the one with the key id `expected`. Throws
 * MmtpError `mmtp-auth` when it is not. `now` in milliseconds since 1970 UTC.
 */
export function checkLinkCertificates(
  certificates: readonly X509Certificate[],
  expected: Uint8Array,
  now: number,
  known = new LinkKeys(),
): void {
  const [link, identity] = certificates;
  if (link === undefined) throw refused('the server shows no certificate');
  if (now < link.validFromDate.getTime() || now > link.validToDate.getTime())
    throw refused('the certificate of the link is not valid now', 'are the clocks of both machines right?');
  if (equalBytes(expected, ANY_KEY_ID)) return;
  const linkKey = keyIdOf(link);
  if (equalBytes(linkKey, expected)) throw refused('the link uses the identity key itself'); // older than 0.0.4
  const owner = known.ownerOf(linkKey) ?? ownerOf(link, identity, certificates.length);
  known.remember(linkKey, owner); // also when it is another than was meant
  if (!equalBytes(owner, expected)) throw refused('this is another server than the one that was meant');
}

function ownerOf(link: X509Certificate, identity: X509Certificate | undefined, length: number): Buffer {
  if (identity === undefined || length !== 2) throw refused('the server does not show two certificates');
  if (!link.verify(identity.publicKey)) throw refused('the certificate of the link is not signed by the identity key');
  return keyIdOf(identity);
}

function nameOf(commonName: string): Buffer {
  const entry = (attribute: number, text: string) =>
    der.set(der.sequence(der.objectId(2, 5, 4, attribute), der.utf8(text)));
  return der.sequence(entry(10, ORGANISATION), entry(3, commonName));
}

function keyIdOf({ publicKey }: X509Certificate): Buffer {
  if (publicKey.asymmetricKeyType !== 'rsa') throw refused('a certificate has a key that is not RSA');
  return RsaPublicKey.fromKeyObject(publicKey).digest;
}

function refused(message: string, remedy?: string): MmtpError {
  return new MmtpError('mmtp-auth', message, remedy === undefined ? {} : { remedy });
}
