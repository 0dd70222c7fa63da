// Responses to a challenge: the published one, GnuPG's in all their forms, and those that prove nothing.

import fc from 'fast-check';
import * as openpgp from 'openpgp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Gpg, openGpg } from '../../../test/support/gpg.ts';
import { judgedBy } from '../../../test/support/judges.ts';
import { VECTOR } from '../../../test/support/smallmail-vector.ts';
import { DAY, HOUR } from '../../base/time.ts';
import { readCertificate } from './certificate.ts';
import { verifyResponse } from './identification.ts';
import { readPackets, TAG, writePacket } from './packets.ts';

const NOW = Date.UTC(2026, 10, 22, 12);
const { challenge } = VECTOR;
const line = `${challenge}\n`;

// spec: smallmail 2.6, 4
describe('the published vector', () => {
  const verify = (changes: Partial<Parameters<typeof verifyResponse>[0]> = {}) =>
    verifyResponse({
      certificate: VECTOR.key,
      challenge,
      response: VECTOR.response,
      now: VECTOR.signedAt,
      allowSha1: false,
      ...changes,
    });

  test('proves the mailbox within a day of its signing', async () => {
    expect(await verify()).toBe(true);
    const made = Date.UTC(2026, 10, 22, 5, 17, 0);
    expect(await verify({ now: made + DAY })).toBe(true);
    expect(await verify({ now: made + DAY + 1000 })).toBe(false);
    expect(await verify({ now: made - DAY })).toBe(true);
    expect(await verify({ now: made - DAY - 1000 })).toBe(false);
  });

  // What a signature does not cover: the form of the packet's header, the unsigned issuer, how many bits its two numbers have.
  const NOT_SIGNED = new Set([0, ...Array.from({ length: 11 }, (_, at) => 38 + at), 51, 52, 85, 86]);

  test('proves nothing for another challenge, or changed in any octet of its signed part', async () => {
    expect(await verify({ challenge: `${challenge.slice(0, -1)}e` })).toBe(false);
    await fc.assert(
      fc.asyncProperty(fc.nat(VECTOR.response.length - 1), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
        const response = Buffer.from(VECTOR.response);
        response[at] = (response[at] ?? 0) ^ flip;
        if (!NOT_SIGNED.has(at)) expect(await verify({ response })).toBe(false);
      }),
    );
  });

  test('any other octets are false, and throw nothing', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (response) => {
        expect(await verify({ response })).toBe(false);
      }),
    );
    expect(await verify({ response: Buffer.alloc(9000, 0x88) })).toBe(false);
    expect(await verify({ certificate: Buffer.from('no key'), response: VECTOR.response })).toBe(false);
  });
});

// spec: smallmail 2.6
describe('what gpg signs', judgedBy('gpg'), () => {
  let gpg: Gpg;
  let alice: string;
  let certificate: Buffer;

  beforeAll(async () => {
    gpg = openGpg(NOW);
    alice = gpg.makeKey('alice', 'ed25519', 'cert,sign');
    gpg.run(['--quick-add-key', alice, 'cv25519', 'encr']);
    certificate = (await readCertificate(gpg.export(alice), NOW)).octets;
  });
  afterAll(() => gpg?.close());

  const proves = (response: Uint8Array, changes: Partial<Parameters<typeof verifyResponse>[0]> = {}) =>
    verifyResponse({ certificate, challenge, response, now: NOW, allowSha1: false, ...changes });
  const sign =
    (...options: string[]) =>
    (text: string) =>
      gpg.run(['--local-user', alice, ...options], text);

  test.each([
    ['a binary signature over the challenge', ['--detach-sign'], challenge],
    ['a binary signature over the line', ['--detach-sign'], line],
    ['a text signature over the challenge', ['--textmode', '--detach-sign'], challenge],
    ['a text signature over the line', ['--textmode', '--detach-sign'], line],
    ['a signature with SHA-512', ['--digest-algo', 'SHA512', '--detach-sign'], challenge],
    ['a signed message', ['--compress-algo', 'none', '--sign'], challenge],
    ['a signed message, zipped', ['--compress-algo', 'zip', '--sign'], challenge],
    ['a signed message, zipped as gpg does by default', ['--sign'], line],
    ['a signed message in text mode', ['--textmode', '--sign'], line],
  ])('%s proves the mailbox', async (_, options, text) => {
    expect(await proves(sign(...options)(text))).toBe(true);
  });

  test.each([
    ['a clear-signed text', ['--clear-sign'], challenge],
    ['an armoured signature', ['--armor', '--detach-sign'], challenge],
    ['a signature over two line ends', ['--detach-sign'], `${line}\n`],
    ['a signature over the line with CR', ['--detach-sign'], `${challenge}\r\n`],
    ['a signature over more', ['--detach-sign'], `${challenge} and more`],
    ['a signed message that says something else', ['--sign'], `${challenge}x`],
    ['a signature with SHA-224', ['--digest-algo', 'SHA224', '--detach-sign'], challenge],
  ])('%s proves nothing', async (_, options, text) => {
    expect(await proves(sign(...options)(text))).toBe(false);
  });

  test('an old-style signed message proves the mailbox', async () => {
    const [, literal, signature] = readPackets(sign('--compress-algo', 'none', '--sign')(challenge), 3);
    if (!literal || !signature) throw new Error('gpg wrote another kind of message');
    const old = [writePacket(TAG.signature, signature.body), writePacket(TAG.literal, literal.body)];
    expect(await proves(Buffer.concat(old))).toBe(true);
    expect(await proves(Buffer.concat([...old, ...old]))).toBe(false);
  });

  test('what inflates beyond measure, or nests, proves nothing', async () => {
    const bomb = gpg.run(['--local-user', alice, '--sign'], challenge.repeat(1000));
    expect(bomb.length).toBeLessThan(8192);
    expect(await proves(bomb)).toBe(false);
    const message = sign('--sign')(challenge);
    const { deflateRawSync } = await import('node:zlib');
    const nested = writePacket(TAG.compressed, Buffer.concat([Buffer.from([1]), deflateRawSync(message)]));
    expect(await proves(nested)).toBe(false);
  });

  test('SHA-1 counts only where it is allowed', async () => {
    const old = gpg.makeKey('old', 'rsa2048', 'cert,sign,encr');
    const key = (await readCertificate(gpg.export(old), NOW)).octets;
    const response = gpg.run(['--local-user', old, '--digest-algo', 'SHA1', '--detach-sign'], challenge);
    expect(await proves(response, { certificate: key })).toBe(false);
    expect(await proves(response, { certificate: key, allowSha1: true })).toBe(true);
  });

  test('a signing subkey counts; one that is revoked, another key, or an encryption subkey do not', async () => {
    const subkeyed = gpg.makeKey('subkeyed', 'ed25519', 'cert');
    gpg.run(['--quick-add-key', subkeyed, 'ed25519', 'sign']);
    gpg.run(['--quick-add-key', subkeyed, 'cv25519', 'encr']);
    const response = gpg.run(['--local-user', subkeyed, '--detach-sign'], challenge);
    const key = (await readCertificate(gpg.export(subkeyed), NOW)).octets;
    expect(await proves(response, { certificate: key })).toBe(true);
    expect(await proves(response)).toBe(false);

    const before = gpg.export(subkeyed);
    const script = 'key 1\nrevkey\ny\n0\n\ny\nsave\n';
    gpg.run(['--no-batch', '--command-fd', '0', '--expert', '--edit-key', subkeyed], script);
    const revoked = gpg.export(subkeyed);
    expect(revoked.length).toBeGreaterThan(before.length);
    expect((await readCertificate(before, NOW)).revoked).toBe(false);
    expect(await proves(response, { certificate: revoked })).toBe(false);
  });

  test('a revoked or expired key proves nothing', async () => {
    const brief = gpg.makeKey('brief', 'rsa2048', 'cert,sign,encr', '2d');
    const key = (await readCertificate(gpg.export(brief), NOW)).octets;
    const response = gpg.run(['--local-user', brief, '--detach-sign'], challenge);
    expect(await proves(response, { certificate: key })).toBe(true);
    const near = openGpg(NOW + 2 * DAY - HOUR);
    try {
      near.run(['--import'], gpg.run(['--export-secret-keys', brief]));
      const last = near.run(['--local-user', brief, '--detach-sign'], challenge);
      expect(await proves(last, { certificate: key, now: NOW + 2 * DAY - HOUR })).toBe(true);
      expect(await proves(last, { certificate: key, now: NOW + 2 * DAY + HOUR })).toBe(false);
    } finally {
      near.close();
    }
    const answers = 'y\n0\n\ny\n';
    const command = ['--no-batch', '--command-fd', '0', '--gen-revoke', brief];
    const revocation = gpg.run(['--dearmor'], gpg.run(command, answers));
    expect(await proves(response, { certificate: Buffer.concat([key, revocation]) })).toBe(false);
  });

  test('keys of version 6 sign too', async () => {
    const { privateKey, publicKey } = await openpgp.generateKey({
      userIDs: { name: 'six' },
      type: 'curve25519',
      format: 'object',
      date: new Date(NOW),
      config: { v6Keys: true },
    });
    const message = await openpgp.createMessage({ binary: new Uint8Array(Buffer.from(challenge)) });
    const date = new Date(NOW);
    const response = await openpgp.sign({ message, signingKeys: privateKey, detached: true, format: 'binary', date });
    expect(await proves(response as Uint8Array, { certificate: publicKey.write() })).toBe(true);
  });
});
