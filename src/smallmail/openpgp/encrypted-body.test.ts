// The check of bodies, judged on what GnuPG and OpenPGP.js encrypt, in any cut.

import fc from 'fast-check';
import * as openpgp from 'openpgp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Gpg, openGpg } from '../../../test/support/gpg.ts';
import { judgedBy } from '../../../test/support/judges.ts';
import { EncryptedBodyCheck } from './encrypted-body.ts';
import { readPackets, TAG, writePacket } from './packets.ts';

const NOW = Date.UTC(2026, 10, 22);
const MINE = '1122334455667788';
const OTHER = '8877665544332211';

function verdictOn(body: Uint8Array, keyIds: readonly string[], cut = body.length): boolean {
  const check = new EncryptedBodyCheck(keyIds);
  for (let at = 0; at < body.length; at += cut) check.push(body.subarray(at, at + cut));
  return check.verdict();
}

const sessionKeyFor = (keyId: string, version = 3) =>
  writePacket(TAG.encryptedSessionKey, Buffer.from(`0${version}${keyId}12${'00'.repeat(40)}`, 'hex'));
const data = (length = 60, version = 1) =>
  writePacket(TAG.encryptedWithIntegrity, Buffer.concat([Buffer.from([version]), Buffer.alloc(length - 1, 7)]));
const marker = writePacket(TAG.marker, Buffer.from('PGP'));
const padding = writePacket(TAG.padding, Buffer.alloc(300));
const good = Buffer.concat([marker, sessionKeyFor(OTHER), padding, sessionKeyFor(MINE), data(), padding]);

// spec: smallmail 2.5
describe('by hand', () => {
  test.each([
    ['session keys in any order, markers and padding', good],
    ['a hidden recipient', Buffer.concat([sessionKeyFor('0'.repeat(16)), data()])],
    ['a key of version 4 in a session key of version 6', Buffer.concat([v6(4, 12, MINE, 0), data(80, 2)])],
    ['a key of version 6', Buffer.concat([v6(6, 0, MINE, 24), data(80, 2)])],
    ['a hidden recipient in version 6', Buffer.concat([writePacket(1, Buffer.from('060019aaaa', 'hex')), data(80, 2)])],
    ['data in pieces', Buffer.concat([sessionKeyFor(MINE), inPieces(TAG.encryptedWithIntegrity)])],
    ['AEAD data of GnuPG', Buffer.concat([sessionKeyFor(MINE), inPieces(TAG.encryptedWithAead)])],
    ['an old header on the session key', Buffer.concat([oldHeader(1, sessionKeyFor(MINE).subarray(2)), data()])],
  ])('takes %s', (_, body) => {
    expect(verdictOn(body, [MINE])).toBe(true);
    expect(verdictOn(body, [MINE], 1)).toBe(true);
  });

  test.each([
    ['nothing', Buffer.alloc(0)],
    ['text', Buffer.from('Dear server, this is not encrypted at all.')],
    ['data without a session key', data()],
    ['a session key without data', sessionKeyFor(MINE)],
    ['session keys for others only', Buffer.concat([sessionKeyFor(OTHER), data()])],
    ['data without integrity', Buffer.concat([sessionKeyFor(MINE), writePacket(9, Buffer.alloc(60))])],
    ['data first', Buffer.concat([data(), sessionKeyFor(MINE)])],
    ['data twice', Buffer.concat([sessionKeyFor(MINE), data(), data()])],
    ['a literal behind the data', Buffer.concat([good, writePacket(TAG.literal, Buffer.from('b00000'))])],
    ['a password beside the key', Buffer.concat([writePacket(3, Buffer.alloc(20, 4)), sessionKeyFor(MINE), data()])],
    ['data too short to be any', Buffer.concat([sessionKeyFor(MINE), data(20)])],
    ['an unknown version of data', Buffer.concat([sessionKeyFor(MINE), data(60, 3)])],
    ['an unknown version of session key', Buffer.concat([sessionKeyFor(MINE, 2), data()])],
    ['a short session key', Buffer.concat([writePacket(1, Buffer.from(`03${MINE}01`, 'hex')), data()])],
    [
      'a session key in pieces',
      Buffer.concat([Buffer.from('c1e9', 'hex'), Buffer.alloc(512, 3), Buffer.from([0]), data()]),
    ],
    ['a tiny first piece', Buffer.concat([sessionKeyFor(MINE), Buffer.from('d2e101', 'hex'), Buffer.alloc(60)])],
    ['a huge session key', Buffer.concat([writePacket(1, Buffer.alloc(5000, 3)), sessionKeyFor(MINE), data()])],
    ['too many session keys', Buffer.concat([...Array<Buffer>(257).fill(sessionKeyFor(MINE)), data()])],
    ['a marker that marks nothing', Buffer.concat([writePacket(TAG.marker, Buffer.from('PGPPGP')), good])],
  ])('refuses %s', (_, body) => {
    expect(verdictOn(body, [MINE])).toBe(false);
    expect(verdictOn(body, [MINE], 1)).toBe(false);
  });

  test('is not content with a message that is cut off, anywhere but at a packet behind the data', () => {
    const ends = good.length - padding.length;
    for (let end = 0; end < good.length; end += 1) {
      expect(verdictOn(good.subarray(0, end), [MINE]), `${end} octets`).toBe(end === ends);
    }
  });

  test('says the same however the body is cut, and of any octets', () => {
    const bodies = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.tuple(fc.nat(good.length - 1), fc.nat(255)).map(([at, octet]) => {
        const changed = Buffer.from(good);
        changed[at] = octet;
        return changed;
      }),
    );
    fc.assert(
      fc.property(bodies, fc.array(fc.nat(400), { maxLength: 6 }), (body, cuts) => {
        const check = new EncryptedBodyCheck([MINE]);
        const borders = [0, ...cuts.filter((cut) => cut < body.length).sort((a, b) => a - b), body.length];
        for (const [at, border] of borders.entries()) check.push(body.subarray(border, borders[at + 1] ?? body.length));
        expect(check.verdict()).toBe(verdictOn(body, [MINE]));
      }),
      { numRuns: 500 },
    );
  });
});

describe('what other programs encrypt', judgedBy('gpg'), () => {
  let gpg: Gpg;
  const keys: { [name: string]: { fingerprint: string; keyId: string } } = {};
  const plain = Buffer.alloc(100_000, 'not so secret ');

  beforeAll(() => {
    gpg = openGpg(NOW);
    for (const [name, algorithm, subkey] of [
      ['ecc', 'ed25519', 'cv25519'],
      ['rsa', 'rsa2048', 'rsa2048'],
    ] as const) {
      const fingerprint = gpg.makeKey(name, algorithm, 'cert,sign');
      gpg.run(['--quick-add-key', fingerprint, subkey, 'encr']);
      const [, , , part] = readPackets(gpg.export(fingerprint), 8);
      if (part?.tag !== TAG.publicSubkey) throw new Error('gpg orders the packets of a key in another way');
      const listing = gpg.run(['--with-colons', '--list-keys', fingerprint]).toString();
      keys[name] = {
        fingerprint,
        keyId: (/^sub:(?:[^:]*:){3}([0-9A-F]{16}):/m.exec(listing)?.[1] ?? '').toLowerCase(),
      };
    }
  });
  afterAll(() => gpg?.close());

  test.each([
    ['ecc', []],
    ['ecc', ['--throw-keyids']],
    ['rsa', []],
    ['rsa', ['--throw-keyids']],
    ['ecc', ['--recipient', 'rsa']],
    ['rsa', ['--recipient', 'ecc', '--compress-algo', 'none']],
  ])('gpg for %s with %j', (name, options) => {
    const { keyId = '' } = keys[name] ?? {};
    for (const input of [plain, Buffer.from('short')]) {
      const body = gpg.run(['--encrypt', '--recipient', name, ...options], input);
      expect(verdictOn(body, [keyId], 1000)).toBe(true);
      const hidden = options.includes('--throw-keyids');
      expect(verdictOn(body, [OTHER])).toBe(hidden);
      expect(verdictOn(body.subarray(0, -1), [keyId])).toBe(false);
    }
  });

  test('gpg with a password alone, or signed alone, is refused', () => {
    expect(verdictOn(gpg.run(['--symmetric', '--passphrase', 'x'], plain), [MINE])).toBe(false);
    expect(verdictOn(gpg.run(['--sign', '--local-user', 'ecc'], plain), [MINE])).toBe(false);
  });

  test('OpenPGP.js, old and new forms', async () => {
    const { fingerprint = '', keyId = '' } = keys['ecc'] ?? {};
    const encryptionKeys = await openpgp.readKey({ binaryKey: new Uint8Array(gpg.export(fingerprint)) });
    for (const wildcard of [true, false]) {
      for (const aeadProtect of [true, false]) {
        const body = await openpgp.encrypt({
          message: await openpgp.createMessage({ binary: new Uint8Array(plain) }),
          encryptionKeys,
          wildcard,
          format: 'binary',
          date: new Date(NOW),
          config: { aeadProtect },
        });
        expect(verdictOn(body as Uint8Array, [keyId], 999)).toBe(true);
        expect(verdictOn(body as Uint8Array, [OTHER])).toBe(wildcard);
      }
    }
  });
});

/** A session key packet of version 6 whose fingerprint has the key id after `before` octets. */
function v6(keyVersion: number, before: number, keyId: string, after: number): Buffer {
  const fingerprint = Buffer.concat([Buffer.alloc(before, 1), Buffer.from(keyId, 'hex'), Buffer.alloc(after, 2)]);
  const head = Buffer.from([6, fingerprint.length + 1, keyVersion]);
  return writePacket(TAG.encryptedSessionKey, Buffer.concat([head, fingerprint, Buffer.from([25]), Buffer.alloc(40)]));
}

function inPieces(tag: number): Buffer {
  const first = Buffer.alloc(512, 1);
  return Buffer.concat([Buffer.from([0xc0 | tag, 0xe9]), first, Buffer.from([0xe1, 9, 9, 0xe0, 9, 3, 9, 9, 9])]);
}

function oldHeader(tag: number, body: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0x81 | (tag << 2), 0, body.length]), body]);
}
