// Certificates, judged on keys that GnuPG and OpenPGP.js made.

import fc from 'fast-check';
import * as openpgp from 'openpgp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Gpg, openGpg } from '../../../test/support/gpg.ts';
import { judgedBy } from '../../../test/support/judges.ts';
import { VECTOR } from '../../../test/support/smallmail-vector.ts';
import { DAY } from '../../base/time.ts';
import { mergeCertificates, readCertificate } from './certificate.ts';
import { KeyError } from './errors.ts';
import { readPackets, TAG, writePacket } from './packets.ts';

const NOW = Date.UTC(2026, 10, 22);
let gpg: Gpg;
let alice: string;

const JUDGED = judgedBy('gpg');

beforeAll(() => {
  if (JUDGED.skip) return;
  gpg = openGpg(NOW);
  alice = gpg.makeKey('alice', 'ed25519', 'cert,sign');
  gpg.run(['--quick-add-key', alice, 'cv25519', 'encr']);
});
afterAll(() => gpg?.close());

const refused = (octets: Uint8Array, now = NOW) =>
  readCertificate(octets, now).then(
    () => undefined,
    (error: unknown) => (error instanceof KeyError ? error.code : error),
  );

// spec: smallmail 2.3
describe('readCertificate', JUDGED, () => {
  test('reads the published key and names its mailbox', async () => {
    const certificate = await readCertificate(VECTOR.key, NOW);
    expect(certificate.mailbox).toBe(VECTOR.mailbox);
    expect(certificate.encryptionKeyIds).toHaveLength(1);
    expect(certificate.revoked).toBe(false);
  });

  test('gives octets that read as the same certificate, and that gpg takes', async () => {
    const { octets, ...rest } = await readCertificate(gpg.export(alice), NOW);
    expect(await readCertificate(octets, NOW)).toEqual({ octets, ...rest });
    const other = openGpg(NOW);
    try {
      other.run(['--import'], octets);
      expect(other.export(alice).length).toBeGreaterThan(300);
    } finally {
      other.close();
    }
  });

  test('takes RSA-2048, signing subkeys, Curve448, NIST and Brainpool curves, and keys of version 6', async () => {
    const rsa = gpg.makeKey('rsa', 'rsa2048', 'cert,sign,encr');
    gpg.run(['--quick-add-key', rsa, 'ed25519', 'sign']);
    expect((await readCertificate(gpg.export(rsa), NOW)).encryptionKeyIds).toEqual([rsa.slice(-16).toLowerCase()]);

    const nist = gpg.makeKey('nist', 'nistp384', 'cert,sign');
    gpg.run(['--quick-add-key', nist, 'brainpoolP256r1', 'encr']);
    gpg.run(['--quick-add-key', nist, 'cv25519', 'encr']);
    expect((await readCertificate(gpg.export(nist), NOW)).encryptionKeyIds).toHaveLength(2);

    for (const type of ['curve25519', 'curve448'] as const) {
      const { publicKey } = await openpgp.generateKey({
        userIDs: { name: 'six' },
        type,
        format: 'binary',
        date: new Date(NOW),
        config: { v6Keys: true },
      });
      const six = await readCertificate(publicKey, NOW);
      expect(six.mailbox).toMatch(/^[0-9A-F]{64}$/);
      expect(six.encryptionKeyIds).toHaveLength(1);
    }
  });

  test('drops what others signed and what anybody can write', async () => {
    const plain = gpg.export(alice);
    const friend = gpg.makeKey('friend', 'ed25519', 'cert,sign');
    gpg.run(['--local-user', friend, '--quick-sign-key', alice]);
    const signed = gpg.export(alice);
    expect(signed.length).toBeGreaterThan(plain.length);
    const trust = writePacket(TAG.trust, Buffer.from([1, 2]));
    const stranger = writePacket(TAG.userId, Buffer.from('nobody signed this'));
    const before = await readCertificate(plain, NOW);
    const after = await readCertificate(Buffer.concat([signed, trust, stranger]), NOW);
    expect(after.octets.equals(before.octets)).toBe(true);
  });

  test('calls what is not one binary public key malformed', async () => {
    const key = gpg.export(alice);
    expect(await refused(Buffer.alloc(0))).toBe('malformed');
    expect(await refused(gpg.run(['--armor', '--export', alice]))).toBe('malformed');
    expect(await refused(gpg.run(['--export-secret-keys', alice]))).toBe('malformed');
    expect(await refused(Buffer.concat([key, key]))).toBe('malformed');
    expect(await refused(key.subarray(0, -1))).toBe('malformed');
    expect(await refused(Buffer.concat([key, writePacket(TAG.literal, Buffer.from('b'))]))).toBe('malformed');
    expect(await refused(Buffer.alloc(65537, 0xc0))).toBe('malformed');
  });

  test('does not want what is too weak, of no use, expired or of version 3', async () => {
    const dsa = gpg.makeKey('dsa', 'dsa2048', 'cert,sign');
    gpg.run(['--quick-add-key', dsa, 'cv25519', 'encr']);
    const koblitz = gpg.makeKey('koblitz', 'secp256k1', 'cert,sign');
    const small = gpg.makeKey('small', 'rsa1024', 'cert,sign,encr');
    const mute = gpg.makeKey('mute', 'ed25519', 'cert,sign');
    const deaf = gpg.makeKey('deaf', 'nistp256', 'cert');
    gpg.run(['--quick-add-key', deaf, 'cv25519', 'encr']);
    const brief = gpg.makeKey('brief', 'rsa2048', 'cert,sign,encr', '2d');
    for (const key of [dsa, koblitz, small, mute, deaf]) expect(await refused(gpg.export(key))).toBe('unwanted');

    expect(await refused(gpg.export(brief))).toBeUndefined();
    expect(await refused(gpg.export(brief), NOW + 3 * DAY)).toBe('unwanted');
    expect(await refused(gpg.export(brief), NOW - 3 * DAY)).toBe('unwanted'); // made in the future

    const [primary] = readPackets(gpg.export(small), 8);
    const version3 = Buffer.concat([
      Buffer.from([3]),
      primary?.body.subarray(1, 5) ?? Buffer.alloc(4),
      Buffer.from('0000', 'hex'),
    ]);
    expect(await refused(writePacket(TAG.publicKey, version3))).toBe('unwanted');
  });

  test('does not count a user id or a subkey that the key itself did not sign', async () => {
    const packets = readPackets(gpg.export(alice), 16);
    const without = (tag: number) => {
      const at = packets.findIndex((packet) => packet.tag === tag);
      return packets.filter((_, index) => index !== at + 1);
    };
    const write = (list: readonly { tag: number; body: Buffer }[]) =>
      Buffer.concat(list.map(({ tag, body }) => writePacket(tag, body)));
    expect(await refused(write(packets))).toBeUndefined();
    expect(await refused(write(without(TAG.userId)))).toBe('unwanted');
    expect(await refused(write(without(TAG.publicSubkey)))).toBe('unwanted');
  });

  test('throws nothing but KeyError, whatever the octets', async () => {
    const key = gpg.export(alice);
    await fc.assert(
      fc.asyncProperty(fc.nat(key.length - 1), fc.nat(255), async (at, octet) => {
        const broken = Buffer.from(key);
        broken[at] = octet;
        expect(['malformed', 'unwanted', undefined]).toContain(await refused(broken));
      }),
      { numRuns: 150 },
    );
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 64 }), async (octets) => {
        expect(['malformed', 'unwanted']).toContain(await refused(octets));
      }),
    );
  });
});

// spec: smallmail 2.4
describe('mergeCertificates', JUDGED, () => {
  const merge = async (stored: Uint8Array, offered: Uint8Array, now = NOW) =>
    mergeCertificates((await readCertificate(stored, now)).octets, await readCertificate(offered, now));

  test('finds nothing new in the same key', async () => {
    expect(await merge(gpg.export(alice), gpg.export(alice))).toBeUndefined();
  });

  test('takes new subkeys, a later expiry and a revocation', async () => {
    const key = gpg.makeKey('changing', 'rsa2048', 'cert,sign,encr', '10d');
    const first = gpg.export(key);

    gpg.run(['--quick-add-key', key, 'cv25519', 'encr']);
    const second = gpg.export(key);
    const withSubkey = await merge(first, second);
    expect((await readCertificate(withSubkey ?? first, NOW)).encryptionKeyIds).toHaveLength(2);
    expect(await merge(second, first)).toBeUndefined();

    const later = openGpg(NOW + DAY);
    try {
      later.run(['--import'], gpg.run(['--export-secret-keys', key]));
      later.run(['--quick-set-expire', key, '60d']);
      const third = later.export(key);
      expect(await refused(second, NOW + 20 * DAY)).toBe('unwanted');
      const longer = await merge(second, third, NOW + DAY);
      expect(await refused(longer ?? second, NOW + 20 * DAY)).toBeUndefined();
      // An old copy does not shorten it again.
      const again = await merge(third, second, NOW + DAY);
      expect(await refused(again ?? third, NOW + 20 * DAY)).toBeUndefined();

      const ended = await merge(third, Buffer.concat([second, revocationOf(later, key)]), NOW + DAY);
      const result = await readCertificate(ended ?? third, NOW + DAY);
      expect(result).toMatchObject({ revoked: true, encryptionKeyIds: [], mailbox: key });
    } finally {
      later.close();
    }
  });

  test('is not moved by changes outside of what is signed, nor by a forged revocation', async () => {
    const key = gpg.export(alice);
    const packets = readPackets(key, 16);
    const rewritten = packets.map(({ tag, body }) => {
      if (tag !== TAG.signature) return writePacket(tag, body);
      const unsigned = 6 + body.readUInt16BE(4);
      const length = body.readUInt16BE(unsigned);
      const noise = Buffer.from('0463616263', 'hex'); // a private subpacket
      const grown = Buffer.alloc(2);
      grown.writeUInt16BE(length + noise.length);
      const rest = body.subarray(unsigned + 2);
      return writePacket(tag, Buffer.concat([body.subarray(0, unsigned), grown, noise, rest]));
    });
    expect(await merge(key, Buffer.concat(rewritten))).toBeUndefined();

    const forged = Buffer.from(packets.find(({ tag }) => tag === TAG.signature)?.body ?? '');
    forged[1] = 0x20;
    const [primary, ...rest] = packets.map(({ tag, body }) => writePacket(tag, body));
    const offered = Buffer.concat([primary ?? key, writePacket(TAG.signature, forged), ...rest]);
    expect(await merge(key, offered)).toBeUndefined();
  });

  test('refuses another key', async () => {
    await expect(merge(gpg.export(alice), VECTOR.key)).rejects.toMatchObject({ code: 'malformed' });
  });
});

/** A revocation as gpg writes it for safe keeping: one signature, which may stand anywhere behind the primary key. */
function revocationOf(keyring: Gpg, fingerprint: string): Buffer {
  const answers = 'y\n0\n\ny\n';
  return keyring.run(
    ['--dearmor'],
    keyring.run(['--no-batch', '--command-fd', '0', '--gen-revoke', fingerprint], answers),
  );
}
