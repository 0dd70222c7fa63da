import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { hex, mixminionVectors } from '../../../test/support/vectors.ts';
import { DAY, SECOND, startOfDay, VirtualClock } from '../../base/time.ts';
import { CounterRandom } from '../../crypto/aes-ctr.ts';
import { sha256 } from '../../crypto/hash.ts';
import { writeArmor, writeBase64 } from '../packet/armor.ts';
import { assembleFragments } from '../payload/assemble.ts';
import { decompress, reassembledLimit } from '../payload/compress.ts';
import { decodePayload } from '../payload/decode.ts';
import type { Fragment } from '../payload/fragment.ts';
import { readMessages } from '../payload/text.ts';
import {
  EMPTY_KEY_RING,
  type KeyRing,
  KeyRingError,
  openKeyRing,
  sealKeyRing,
  secretForNewBlocks,
  withoutExpired,
} from './keyring.ts';
import { loadKeyRing, saveKeyRing } from './keyring-file.ts';

interface ClientSession {
  readonly keyring_file: string;
  readonly passphrase: string;
  readonly surb_keys: [string, string][];
  readonly mails: {
    mail: string;
    messages: {
      type: string;
      contents_len: number;
      contents_sha256: string;
      contents_b64?: string;
      tag?: string;
      identity?: string;
      decoded_b64?: string;
      fragment?: { index: number; msg_id: string; msg_len: number };
    }[];
  }[];
  readonly reassembled: { msg_id: string; compressed_sha256: string; message_len: number; message_sha256: string }[];
}

const session = mixminionVectors<ClientSession>('client_session');
const digest = (octets: Uint8Array) => sha256(octets).toString('hex');
const random = new CounterRandom(Buffer.alloc(16, 4));
const secret = (octet: number) => Buffer.alloc(20, octet);
const now = Date.UTC(2026, 10, 22, 13);

// spec: mixminion-e2e 9
test('a key ring of the original client opens with its passphrase and no other', () => {
  const file = Buffer.from(session.keyring_file, 'latin1');
  const ring = openKeyRing(file, session.passphrase);
  expect(ring.secrets.map(({ identity, secret }) => [identity, secret.toString('hex')])).toEqual(session.surb_keys);
  for (const wrong of ['', 'Secretpass', `${session.passphrase} `])
    expect(() => openKeyRing(file, wrong)).toThrow(expect.objectContaining({ code: 'passphrase' }));
});

test('the mails that the original client received decode to what it read', () => {
  const { secrets } = openKeyRing(Buffer.from(session.keyring_file, 'latin1'), session.passphrase);
  const types = { TXT: 'plaintext', BIN: 'binary', LONG: 'overcompressed', ENC: 'encrypted', FRAG: 'fragment' };
  const fragments: Fragment[] = [];
  for (const { mail, messages } of session.mails) {
    const found = readMessages(Buffer.from(mail.replaceAll('\r\n', '\n'), 'latin1'));
    expect(found.length).toBe(messages.length);
    for (const [index, expected] of messages.entries()) {
      const message = found[index];
      if (message === undefined) throw new Error('a message is missing');
      expect(message.type).toBe(types[expected.type as keyof typeof types]);
      expect([message.contents.length, digest(message.contents)]).toEqual([
        expected.contents_len,
        expected.contents_sha256,
      ]);
      if (expected.identity === undefined) continue;
      const decoded = decodePayload(message.contents, message.tag, secrets);
      expect(decoded).toMatchObject({ how: 'reply', key: { identity: expected.identity } });
      if (decoded?.payload.kind === 'fragment') {
        const { index, messageId, messageSize } = decoded.payload;
        expect({ index, msg_id: messageId.toString('hex'), msg_len: messageSize }).toEqual(expected.fragment);
        fragments.push(decoded.payload);
      } else {
        const text = decompress(decoded?.payload.compressed ?? Buffer.alloc(0), 20480);
        expect(text.toString('base64')).toBe(expected.decoded_b64);
      }
    }
  }
  for (const expected of session.reassembled) {
    const compressed = assembleFragments(fragments.filter(({ messageId }) => messageId.equals(hex(expected.msg_id))));
    expect(digest(compressed)).toBe(expected.compressed_sha256);
    const message = decompress(compressed, reassembledLimit(compressed.length));
    expect([message.length, digest(message)]).toEqual([expected.message_len, expected.message_sha256]);
  }
});

const identities = fc.string({ unit: 'grapheme', maxLength: 20 }).filter((name) => !name.includes('\0'));
const rings: fc.Arbitrary<KeyRing> = fc.record({
  secrets: fc.array(
    fc.record({
      identity: identities.map((name) => name.toLowerCase()).filter((name) => name === name.toLowerCase()),
      secret: fc.uint8Array({ minLength: 20, maxLength: 20 }).map((octets) => Buffer.from(octets)),
      expires: fc.nat(0xffffffff).map((seconds) => seconds * SECOND),
    }),
    { maxLength: 5 },
  ),
  others: fc.array(
    fc.record({
      type: fc.integer({ min: 1, max: 255 }),
      value: fc.uint8Array({ maxLength: 900 }).map((octets) => Buffer.from(octets)),
    }),
    { maxLength: 3 },
  ),
});

test('any key ring comes back under its passphrase, whatever the order of its items', () => {
  const inOrder = ({ secrets, others }: KeyRing) => ({
    secrets: secrets.map((each) => JSON.stringify(each)).sort(),
    others: others.map((each) => JSON.stringify(each)).sort(),
  });
  fc.assert(
    fc.property(rings, fc.string({ unit: 'grapheme' }), (ring, passphrase) => {
      const sealed = sealKeyRing(ring, passphrase, random);
      expect(inOrder(openKeyRing(sealed, passphrase))).toEqual(inOrder(ring));
      expect(() => openKeyRing(sealed, `${passphrase}!`)).toThrow(KeyRingError);
    }),
  );
});

test('the sealed length tells of 1024 octets at a time', () => {
  const length = (count: number) =>
    sealKeyRing(
      { ...EMPTY_KEY_RING, secrets: Array(count).fill({ identity: 'me', secret: secret(1), expires: now }) },
      '',
      random,
    ).length;
  expect(length(1)).toBe(length(20));
  expect(length(1)).not.toBe(length(40));
});

const sealedSecret = (value: Buffer) => sealKeyRing({ secrets: [], others: [{ type: 0, value }] }, '', random);

test.each([
  ['no armor', Buffer.from('nothing')],
  ['armor of something else', writeArmor('TYPE III REPLY BLOCK', [], writeBase64(secret(1)))],
  ['no base64', Buffer.from('-----BEGIN TYPE III KEYRING-----\n\n???\n-----END TYPE III KEYRING-----\n')],
  ['another magic', writeArmor('TYPE III KEYRING', [], writeBase64(Buffer.alloc(2000, 'KEYRING3')))],
  ['nothing but the magic', writeArmor('TYPE III KEYRING', [], writeBase64(Buffer.from('KEYRING2\0')))],
  ['a secret whose name does not end', sealedSecret(Buffer.alloc(25, 1))],
  ['a secret cut off', sealedSecret(Buffer.alloc(24))],
])('malformed: %s', (_, text) => {
  expect(() => openKeyRing(text, '')).toThrow(expect.objectContaining({ code: 'keyring' }));
});

test('a key ring of the first kind is named as such', () => {
  const text = writeArmor('TYPE III KEYRING', [], writeBase64(Buffer.alloc(100, 'KEYRING1\0')));
  expect(() => openKeyRing(text, '')).toThrow(expect.objectContaining({ code: 'keyring-obsolete' }));
});

test('noise raises only KeyRingError', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (noise, armored) => {
      const body = Buffer.concat([Buffer.from('KEYRING2\0'), noise]);
      expect(() => openKeyRing(armored ? writeArmor('TYPE III KEYRING', [], writeBase64(body)) : noise, '')).toThrow(
        KeyRingError,
      );
    }),
  );
});

// spec: mixminion-e2e 9
test('an identity keeps its secret for new blocks until 30 days are left, then gets another beside it', () => {
  const first = secretForNewBlocks(EMPTY_KEY_RING, 'Alice', now, random);
  expect(first.secret).toMatchObject({ identity: 'alice', expires: startOfDay(now) + 91 * DAY });
  expect(secretForNewBlocks(first.ring, 'ALICE', now + 60 * DAY, random)).toEqual(first);
  const later = secretForNewBlocks(first.ring, 'alice', now + 61 * DAY, random);
  expect(later.ring.secrets).toEqual([first.secret, later.secret]);
  expect(later.secret.secret).not.toEqual(first.secret.secret);
  expect(secretForNewBlocks(later.ring, '', now, random).secret.identity).toBe('');
  expect(secretForNewBlocks(EMPTY_KEY_RING, '', startOfDay(now), random).secret.expires).toBe(
    startOfDay(now) + 90 * DAY,
  );
  expect(withoutExpired(later.ring, first.secret.expires).secrets).toEqual([later.secret]);
  expect(() => secretForNewBlocks(EMPTY_KEY_RING, 'a\0b', now, random)).toThrow(KeyRingError);
});

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'postern-keyring-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test('on disk: nothing, then a file for its owner alone, which asks only when it has a passphrase', async () => {
  const path = join(folder, 'keyring.txt');
  const clock = new VirtualClock(now);
  const never = () => Promise.reject(new Error('asked for a passphrase'));
  expect(await loadKeyRing(path, never, clock)).toBeUndefined();
  const { ring } = secretForNewBlocks(EMPTY_KEY_RING, 'me', now, random);
  await saveKeyRing(path, { ring, passphrase: '' }, random);
  expect(await loadKeyRing(path, never, clock)).toEqual({ ring, passphrase: '' });
  await saveKeyRing(path, { ring, passphrase: 'open' }, random);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(await loadKeyRing(path, async () => 'open', clock)).toEqual({ ring, passphrase: 'open' });
  await expect(loadKeyRing(path, async () => 'wrong', clock)).rejects.toThrow(
    expect.objectContaining({ code: 'passphrase' }),
  );
  await clock.advance(100 * DAY);
  expect((await loadKeyRing(path, async () => 'open', clock))?.ring).toEqual(EMPTY_KEY_RING);
  expect(readdirSync(folder)).toEqual(['keyring.txt']);
  writeFileSync(path, Buffer.alloc(5 << 20));
  await expect(loadKeyRing(path, never, clock)).rejects.toThrow(KeyRingError);
});
