// Letters: what goes in comes out, in one of seven sizes, and GnuPG can write and read them too.

import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import * as openpgp from 'openpgp';
import { beforeAll, describe, expect, test } from 'vitest';
import { openGpg } from '../../../test/support/gpg.ts';
import { judgedBy } from '../../../test/support/judges.ts';
import { systemRandom } from '../../base/random.ts';
import { DAY } from '../../base/time.ts';
import { readCertificate } from '../openpgp/certificate.ts';
import { EncryptedBodyCheck } from '../openpgp/encrypted-body.ts';
import type { Address } from './address.ts';
import { makeKeyPair, type OwnKey, openKeyPair } from './key-pair.ts';
import { type Draft, SIZES, sealLetter } from './letter.ts';
import { openLetter, readClearLetter } from './open-letter.ts';

const NOW = Date.UTC(2026, 10, 22, 12);
let alice: OwnKey;
let bob: OwnKey;
let carol: OwnKey;

beforeAll(async () => {
  const make = async () => openKeyPair((await makeKeyPair(NOW)).secretKey);
  [alice, bob, carol] = await Promise.all([make(), make(), make()]);
});

const at = (own: OwnKey): Address => ({ mailbox: own.mailbox, host: 'localhost', port: 2000 });
const draft = (changes: Partial<Draft> = {}): Draft => ({
  from: at(alice),
  to: at(bob),
  subject: 'Übermorgen',
  text: 'Lieber Bob,\nbis übermorgen!\n',
  attachments: [],
  date: NOW,
  ...changes,
});
const seal = (changes: Partial<Draft> = {}, signer?: OwnKey) =>
  sealLetter(draft(changes), { recipientKey: bob.publicKey, signer, now: NOW, random: systemRandom });

// spec: smallmail 2.12
describe('a letter', () => {
  test('comes out as it went in, signed by a sender who is known', async () => {
    const picture = randomBytes(1000);
    const attachments = [{ name: 'schöne Grüße.png', type: 'image/png', content: picture }];
    const body = await seal({ attachments, senderKey: alice.publicKey }, alice);
    expect(body.length).toBe(SIZES[0]);
    const letter = await openLetter(body, bob, [carol.publicKey, alice.publicKey], NOW);
    expect(letter).toMatchObject({
      from: at(alice),
      to: at(bob),
      subject: 'Übermorgen',
      date: NOW,
      attachments: [{ name: 'schöne Grüße.png', type: 'image/png', content: picture }],
      senderKey: alice.publicKey,
      signature: { kind: 'good', mailbox: alice.mailbox },
      doubts: [],
    });
    expect(letter.text).toBe('Lieber Bob,\nbis übermorgen!\n');
  });

  test('is what a server takes for encrypted to the mailbox, naming no key', async () => {
    const { encryptionKeyIds } = await readCertificate(bob.publicKey, NOW);
    const check = new EncryptedBodyCheck(encryptionKeyIds);
    const body = await seal({}, alice);
    check.push(body);
    expect(check.verdict()).toBe(true);
    for (const id of encryptionKeyIds) expect(body.includes(Buffer.from(id, 'hex'))).toBe(false);
  });

  test('tells a signature by the attached key, an unknown one, none, and one that is no longer true', async () => {
    const introduced = await openLetter(await seal({ senderKey: alice.publicKey }, alice), bob, [], NOW);
    expect(introduced.signature).toEqual({ kind: 'attached', mailbox: alice.mailbox });
    const amongOthers = await openLetter(
      await seal({ senderKey: alice.publicKey }, alice),
      bob,
      [carol.publicKey],
      NOW,
    );
    expect(amongOthers.signature).toEqual({ kind: 'attached', mailbox: alice.mailbox });
    const stranger = await openLetter(await seal({}, alice), bob, [carol.publicKey], NOW);
    expect(stranger.signature).toEqual({ kind: 'unknown', keyId: alice.key.getKeyID().toHex() });
    expect((await openLetter(await seal(), bob, [alice.publicKey], NOW)).signature).toEqual({ kind: 'none' });
    const early = await openLetter(await seal({}, alice), bob, [alice.publicKey], NOW - DAY);
    expect(early.signature.kind).toBe('bad');
  });

  test('raises doubts when signer and sender differ, or when it was written to somebody else', async () => {
    const posing = await openLetter(await seal({ from: at(carol) }, alice), bob, [alice.publicKey], NOW);
    expect(posing).toMatchObject({ signature: { kind: 'good', mailbox: alice.mailbox }, doubts: ['other-sender'] });
    const sealed = await openpgp.readMessage({ binaryMessage: new Uint8Array(await seal({}, alice)) });
    const clear = (await sealed.decrypt([bob.key])).getLiteralData() as Uint8Array;
    const handedOn = await openpgp.encrypt({
      message: await openpgp.createMessage({ binary: clear }),
      signingKeys: alice.key,
      encryptionKeys: await openpgp.readKey({ binaryKey: new Uint8Array(carol.publicKey) }),
      date: new Date(NOW),
      format: 'binary',
    });
    expect(await openLetter(handedOn as Uint8Array, carol, [alice.publicKey], NOW)).toMatchObject({
      signature: { kind: 'good', mailbox: alice.mailbox },
      doubts: ['other-recipient'],
    });
  });

  test('opens with no other key, and not when an octet was changed', async () => {
    const body = await seal();
    await expect(openLetter(body, carol, [], NOW)).rejects.toMatchObject({ code: 'unreadable' });
    for (const place of [0, 1, 50, 200, 2000, body.length - 1]) {
      const broken = Buffer.from(body);
      broken[place] = (broken[place] ?? 0) ^ 1;
      await expect(openLetter(broken, bob, [], NOW)).rejects.toMatchObject({ code: 'unreadable' });
    }
    await expect(openLetter(Buffer.from('hello'), bob, [], NOW)).rejects.toMatchObject({ code: 'unreadable' });
  });

  test('has exactly one of the sizes, whatever is in it', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(20_000), fc.boolean(), fc.string({ maxLength: 60 }), async (length, signed, subject) => {
        const attachments = [{ name: 'f', type: 'application/octet-stream', content: Buffer.alloc(length, 7) }];
        const body = await seal({ attachments, subject }, signed ? alice : undefined);
        expect(SIZES).toContain(body.length);
      }),
      { numRuns: 40 },
    );
  });

  test('fills the last octet of a size, and at 10 MiB ends', async () => {
    const file = (length: number) => [{ name: 'f', type: 'application/octet-stream', content: Buffer.alloc(length) }];
    for (let length = 2000; length < 2100; length += 9) {
      expect(SIZES).toContain((await seal({ attachments: file(length) })).length);
    }
    expect((await seal({ attachments: file(7_300_000) }, alice)).length).toBe(SIZES.at(-1));
    await expect(seal({ attachments: file(7_800_000) })).rejects.toMatchObject({ code: 'too-large' });
  });

  test('is not sealed to a key that the address does not name, or that cannot be used', async () => {
    const sealing = { now: NOW, random: systemRandom };
    await expect(sealLetter(draft(), { ...sealing, recipientKey: carol.publicKey })).rejects.toMatchObject({
      code: 'key',
    });
    await expect(sealLetter(draft(), { ...sealing, recipientKey: Buffer.from('x') })).rejects.toMatchObject({
      code: 'key',
    });
    const early = { ...sealing, now: NOW - 30 * DAY, recipientKey: bob.publicKey };
    await expect(sealLetter(draft(), early)).rejects.toMatchObject({ code: 'key' });
  });

  test('hides line ends in a subject, and keeps any text', async () => {
    const letter = await openLetter(await seal({ subject: 'hi\r\nBcc: x' }), bob, [], NOW);
    expect(letter.subject).toBe('hi Bcc: x');
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme', maxLength: 200 }), async (text) => {
        const opened = await openLetter(await seal({ text }), bob, [], NOW);
        expect(opened.text.trimEnd()).toBe(text.replace(/\r\n?/g, '\n').trimEnd());
      }),
      { numRuns: 25 },
    );
  });
});

// spec: smallmail 2.12
describe('with GnuPG', judgedBy('gpg'), () => {
  test('gpg opens our letters and knows their signer', async () => {
    const gpg = openGpg(NOW);
    try {
      gpg.run(['--import'], bob.key.write());
      gpg.run(['--import'], alice.publicKey);
      const clear = gpg.run(['--decrypt'], await seal({}, alice));
      expect((await readClearLetter(clear)).subject).toBe('Übermorgen');
      const status = gpg.run(['--status-fd', '1', '--decrypt'], await seal({}, alice)).toString();
      expect(status).toContain(`VALIDSIG ${alice.mailbox}`);
    } finally {
      gpg.close();
    }
  });

  test('we open letters of gpg: plain text as it is, mail as mail, signed or not', async () => {
    const gpg = openGpg(NOW);
    try {
      gpg.run(['--import'], alice.key.write());
      gpg.run(['--import'], bob.publicKey);
      const to = ['--recipient', bob.mailbox, '--throw-keyids'];
      const text = 'Only text.\nNo: fields here, though it: looks so.\n';
      const plain = gpg.run(['--encrypt', ...to], text);
      expect(await openLetter(plain, bob, [], NOW)).toMatchObject({
        text,
        signature: { kind: 'none' },
        from: undefined,
      });
      const mail = 'From: somebody\nSubject: hello\n\nA mail.\n';
      const signed = gpg.run(['--encrypt', '--sign', '--local-user', alice.mailbox, ...to], mail);
      expect(await openLetter(signed, bob, [alice.publicKey], NOW)).toMatchObject({
        subject: 'hello',
        text: 'A mail.\n',
        fromText: 'somebody',
        signature: { kind: 'good', mailbox: alice.mailbox },
      });
    } finally {
      gpg.close();
    }
  });
});

describe('what strangers write', () => {
  test('file names stay in their folder, HTML becomes a file', async () => {
    const mail = [
      'Subject: x',
      'Content-Type: multipart/mixed; boundary=b',
      '',
      '--b',
      'Content-Type: text/html',
      '',
      '<script>alert(1)</script>',
      '--b',
      'Content-Type: application/octet-stream',
      'Content-Disposition: attachment; filename="../../.bashrc"',
      '',
      'rm -rf',
      '--b--',
      '',
    ].join('\r\n');
    const letter = await readClearLetter(Buffer.from(mail));
    expect(letter.text).not.toContain('script');
    expect(letter.attachments.map(({ name }) => name)).toEqual(['letter.html', 'bashrc']);
  });

  test('nesting and headers have limits, and nothing else than ClientError comes out', async () => {
    const deep = Array.from(
      { length: 40 },
      (_, level) => `Content-Type: multipart/mixed; boundary=b${level}\r\n\r\n--b${level}\r\n`,
    );
    await expect(readClearLetter(Buffer.from(deep.join('')))).rejects.toMatchObject({ code: 'unreadable' });
    const wide = `Subject: x\r\n${'X-Field: 1234567890\r\n'.repeat(10_000)}\r\n`;
    await expect(readClearLetter(Buffer.from(wide))).rejects.toMatchObject({ code: 'unreadable' });
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 500 }), async (octets) => {
        const mail = Buffer.concat([
          Buffer.from('Subject: x\r\nContent-Type: multipart/mixed; boundary=a\r\n'),
          octets,
        ]);
        await readClearLetter(mail).catch((error: unknown) => expect(error).toMatchObject({ code: 'unreadable' }));
      }),
    );
  });
});
