import { beforeAll, describe, expect, test } from 'vitest';
import { openGpg } from '../../../test/support/gpg.ts';
import { judgedBy } from '../../../test/support/judges.ts';
import { DAY, HOUR } from '../../base/time.ts';
import { readCertificate } from '../openpgp/certificate.ts';
import { verifyResponse } from '../openpgp/identification.ts';
import { signChallenge } from './challenge.ts';
import { isSealed, type KeyPair, makeKeyPair, type OwnKey, openKeyPair } from './key-pair.ts';

const NOW = Date.UTC(2026, 10, 22, 17);
const serverKey = Buffer.alloc(32, 0xab);
const ours = `SM1.${'ab'.repeat(32)}.1763787600.00112233445566778899aabbccddeeff`;
const theirs = `SM1.${'cd'.repeat(32)}.1763787600.00112233445566778899aabbccddeeff`;

let pair: KeyPair;
let own: OwnKey;
beforeAll(async () => {
  pair = await makeKeyPair(NOW);
  own = await openKeyPair(pair.secretKey);
});

describe('a key pair', () => {
  // spec: smallmail 2.3
  test('makes a mailbox, and tells nothing but the day', async () => {
    const certificate = await readCertificate(pair.publicKey, NOW);
    expect(certificate.mailbox).toBe(pair.mailbox);
    expect(certificate.octets.length).toBeLessThan(420);
    expect(pair.publicKey.includes('openpgpjs')).toBe(false);
    expect(own.key.getCreationTime().getTime()).toBe(NOW - 17 * HOUR);
    expect(own.key.getUserIDs()).toEqual(['smallmail']);
    expect(own.publicKey.equals(pair.publicKey)).toBe(true);
  });

  test('opens only with its passphrase when it was sealed', async () => {
    const sealed = await makeKeyPair(NOW, 'correct horse');
    expect(await isSealed(sealed.secretKey)).toBe(true);
    expect(await isSealed(pair.secretKey)).toBe(false);
    await expect(openKeyPair(sealed.secretKey)).rejects.toMatchObject({ code: 'locked' });
    await expect(openKeyPair(sealed.secretKey, 'wrong')).rejects.toMatchObject({ code: 'locked' });
    const opened = await openKeyPair(sealed.secretKey, 'correct horse');
    expect(await signChallenge(opened, { challenge: ours, serverKey, oldServer: false, now: NOW })).toBeInstanceOf(
      Buffer,
    );
    await expect(openKeyPair(pair.publicKey)).rejects.toMatchObject({ code: 'key' });
    await expect(openKeyPair(Buffer.from('no key'))).rejects.toMatchObject({ code: 'key' });
  });

  test("is taken by gpg, and gpg's by us", judgedBy('gpg'), async () => {
    const gpg = openGpg(NOW);
    try {
      gpg.run(['--import'], pair.secretKey);
      const signed = gpg.run(['--local-user', pair.mailbox, '--detach-sign'], ours);
      const question = { certificate: pair.publicKey, challenge: ours, response: signed, now: NOW, allowSha1: false };
      expect(await verifyResponse(question)).toBe(true);
      const foreign = gpg.makeKey('foreign', 'rsa2048', 'cert,sign,encr');
      expect((await openKeyPair(gpg.run(['--export-secret-keys', foreign]))).mailbox).toBe(foreign);
      expect((await openKeyPair(gpg.run(['--armor', '--export-secret-keys', foreign]))).mailbox).toBe(foreign);
    } finally {
      gpg.close();
    }
  });
});

// spec: smallmail 2.6
describe('signChallenge', () => {
  const sign = (challenge: string, changes: { serverKey?: undefined; oldServer?: boolean } = {}) =>
    signChallenge(own, { challenge, serverKey, oldServer: false, now: NOW, ...changes });

  test('signs what our server and gpg accept', judgedBy('gpg'), async () => {
    const response = await sign(ours);
    expect(response.length).toBeLessThan(300);
    const question = { certificate: pair.publicKey, challenge: ours, response, now: NOW, allowSha1: false };
    expect(await verifyResponse(question)).toBe(true);
    expect(await verifyResponse({ ...question, now: NOW + DAY + HOUR })).toBe(false);
    const gpg = openGpg(NOW);
    try {
      gpg.run(['--import'], pair.publicKey);
      const file = gpg.file('response.sig', response);
      expect(gpg.accepts(['--verify', file, gpg.file('challenge', ours)])).toBe(true);
      expect(gpg.accepts(['--verify', file, gpg.file('other', `${ours}x`)])).toBe(false);
    } finally {
      gpg.close();
    }
  });

  test.each([
    ["another server's challenge", theirs, {}],
    ['a challenge without a TLS key to compare', ours, { serverKey: undefined }],
    ["another server's challenge, even for an old server", theirs, { oldServer: true }],
    ['an old challenge', '0123456789abcdef0123', {}],
    ['a short one', '0123456789abcde', { oldServer: true }],
    ['a long one', 'x'.repeat(513), { oldServer: true }],
    ['what could mean something', 'I owe you 1000 euros, honestly', { oldServer: true }],
  ])('does not sign %s', async (_, challenge, changes) => {
    await expect(sign(challenge, changes)).rejects.toMatchObject({ code: 'challenge' });
  });

  test('signs an old challenge for a server that is marked as old', async () => {
    expect(await sign('0123456789abcdef', { oldServer: true })).toBeInstanceOf(Buffer);
  });
});
