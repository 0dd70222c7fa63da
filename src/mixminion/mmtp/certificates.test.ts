// The two certificates of a link: those we make, the recorded ones, and the ones that prove nothing.

import { createPublicKey, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { describe, expect, test } from 'vitest';
import { mmtpVectors } from '../../../test/support/mmtp.ts';
import { hex } from '../../../test/support/vectors.ts';
import { DAY, HOUR, SECOND } from '../../base/time.ts';
import { RsaPrivateKey } from '../../crypto/rsa.ts';
import { ANY_KEY_ID, checkLinkCertificates, makeLinkCertificates } from './certificates.ts';
import * as der from './der.ts';

const now = Date.UTC(2026, 10, 22, 6, 2);
const identity = RsaPrivateKey.fromPem(mmtpVectors.identity_pem);
const identityPublic = createPublicKey(identity.keyObject);
const keyId = hex(mmtpVectors.key_digest);
const chainOf = (pem: string) =>
  pem
    .split(/(?=-----BEGIN)/)
    .filter((part) => part.startsWith('-----BEGIN'))
    .map((part) => new X509Certificate(part));
const refused = expect.objectContaining({ code: 'mmtp-auth' });

test('the recorded chain is that of its server, and of no other', () => {
  const chain = chainOf(mmtpVectors.cert_chain_pem);
  checkLinkCertificates(chain, keyId, now);
  expect(() => checkLinkCertificates(chain, Buffer.alloc(20, 1), now)).toThrow(refused);
});

// spec: mixminion-mmtp 1.3
describe('the certificates that we make', () => {
  test.each([undefined, 'mixminion-0.0.8'] as const)('have the form of the old program (%s)', async (compat) => {
    const made = await makeLinkCertificates({ nickname: 'Amber', identity, now, ...(compat && { compat }) });
    const chain = chainOf(made.chain);
    checkLinkCertificates(chain, keyId, now);
    expect(chain).toHaveLength(2);
    expect(chain.map(({ subject }) => subject)).toEqual([
      'O=Mixminion network\nCN=Amber\\<MMTP\\>',
      'O=Mixminion network\nCN=Amber',
    ]);
    expect(chain.map(({ issuer }) => issuer)).toEqual(Array(2).fill('O=Mixminion network\nCN=Amber'));
    const serial = (Math.floor(now / SECOND) - 1_041_397_200).toString(16).toUpperCase();
    for (const certificate of chain) {
      expect(certificate.serialNumber).toBe(serial);
      expect(certificate.validFromDate.getTime()).toBe(now - 2 * HOUR);
      expect(certificate.validToDate.getTime()).toBe(now + 26 * HOUR);
      expect(certificate.verify(identityPublic)).toBe(true);
      const spki = certificate.publicKey.export({ type: 'spki', format: 'der' });
      expect(certificate.raw.indexOf(spki) + spki.length).toBe(4 + bodyEnd(certificate.raw)); // nothing behind the key
    }
    expect(chain[0]?.publicKey.asymmetricKeyDetails?.modulusLength).toBe(compat ? 1024 : 2048);
    expect(made.renewAt).toBe(now + DAY);
    createSecureContext({ key: made.key, cert: made.chain, ciphers: compat ? 'DEFAULT@SECLEVEL=0' : 'DEFAULT' });
  });
});

// spec: mixminion-mmtp 1.3
test('what is refused', async () => {
  const other = await RsaPrivateKey.generate(2048);
  const [link, root] = chainOf((await makeLinkCertificates({ nickname: 'Amber', identity, now })).chain);
  const [, otherRoot] = chainOf((await makeLinkCertificates({ nickname: 'Amber', identity: other, now })).chain);
  if (!link || !root || !otherRoot) throw new Error('a certificate is missing');
  const check =
    (chain: X509Certificate[], id: Buffer, at = now) =>
    () =>
      checkLinkCertificates(chain, id, at);
  expect(check([], ANY_KEY_ID)).toThrow(refused);
  expect(check([link, root], keyId, now + 27 * HOUR)).toThrow('not valid now');
  expect(check([link, root], keyId, now - 3 * HOUR)).toThrow('not valid now');
  expect(check([link], keyId)).toThrow('two certificates');
  expect(check([link, root, root], keyId)).toThrow('two certificates');
  expect(check([link, otherRoot], other.publicKey.digest)).toThrow('not signed');
  expect(check([root, root], keyId)).toThrow('identity key itself');
  expect(check([link, root], other.publicKey.digest)).toThrow('another server');
  check([link], ANY_KEY_ID)();
});

/** Where the signed part of a certificate ends, behind the four octets that open it. */
function bodyEnd(raw: Buffer): number {
  return 4 + raw.readUInt16BE(6);
}

test('numbers and years have the shortest form', () => {
  expect(der.integer(0)).toEqual(hex('020100'));
  expect(der.integer(0x80)).toEqual(hex('02020080'));
  expect(der.integer(0xfff)).toEqual(hex('02020fff'));
  expect(der.objectId(1, 2, 840, 113549)).toEqual(hex('06062a864886f70d'));
  expect(der.moment(Date.UTC(2049, 11, 31, 23, 59, 59)).toString('latin1')).toBe('\x17\x0d491231235959Z');
  expect(der.moment(Date.UTC(2050, 0, 1)).toString('latin1')).toBe('\x18\x0f20500101000000Z');
});
