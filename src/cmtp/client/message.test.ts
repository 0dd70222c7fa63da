import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  cmtpVectors,
  hex,
  type InnerVectors,
  type KeyVectors,
  type MessageVectors,
} from '../../../test/support/cmtp.ts';
import { type Random, systemRandom } from '../../base/random.ts';
import { seal } from '../crypto/box.ts';
import { keyPairOf, makeKeyPair } from '../crypto/keys.ts';
import { formatMessage, parseHead, parseMessage } from '../wire/message.ts';
import { readAttachment, writeAttachment } from './attachment.ts';
import { type Body, readBody, writeBody } from './body.ts';
import { composeMessage, type Draft } from './compose.ts';
import { ClientError } from './errors.ts';
import { openMessage } from './open-message.ts';

const keys = cmtpVectors<KeyVectors>('keys');
const alice = keyPairOf(hex(keys.users.alice.ed25519_secret64));
const bob = keyPairOf(hex(keys.users.bob.ed25519_secret64));
const nobody = async () => undefined;
const failing = (code: string) => expect.objectContaining({ name: ClientError.name, code });

/** Gives these octets one after another. */
const drawn = (octets: Buffer[]): Random => ({ bytes: () => octets.shift() ?? Buffer.alloc(32) });
const draft: Draft = {
  to: { account: 'bob', domain: keys.domain },
  from: { account: 'alice', domain: keys.domain },
  date: 1790000000,
  subject: 'Hello',
  replyTo: '',
  copies: [],
  text: 'Tonight.',
  attachments: [
    { name: 'a.txt', content: Buffer.from('file A') },
    { name: 'b.bin', content: Buffer.from([0, 1, 2]) },
  ],
};

// spec: cmtp 5, 9 D16, D17
describe('the vectors', () => {
  test.each(cmtpVectors<InnerVectors>('inner-structures').messages)('$name, written and read', async (vector) => {
    const { timestamp: date, subject, text, carbon_copies: copies, reply_to: replyTo } = vector;
    const body = { date, subject, replyTo, copies, text };
    expect(writeBody(body)).toEqual(hex(vector.inner_plaintext));
    const attachments = vector.attachments.map((one) => ({ name: one.file_name, content: hex(one.data) }));
    expect(attachments.map(writeAttachment)).toEqual(vector.attachments.map(({ plaintext }) => hex(plaintext)));
    const random = drawn([vector, ...vector.attachments].map((one) => hex(one.ephemeral_secret)));
    const message = composeMessage({ ...draft, ...body, attachments }, { recipientKey: bob.publicKey, random });
    expect(message).toEqual(hex(vector.message));
    expect(await openMessage(message, [alice, bob], nobody)).toEqual({
      ...body,
      to: draft.to,
      from: draft.from,
      log: [],
      attachments,
      signature: 'none',
    });
  });

  test('what the reference client wrote is bare text', async () => {
    const { messages } = cmtpVectors<MessageVectors>('messages');
    const sealed = messages.filter((message) => message.sealed !== undefined && message.dest_account === 'bob');
    expect(sealed.length).toBeGreaterThan(1);
    for (const { message, sealed: box, log } of sealed) {
      const opened = await openMessage(hex(message), [bob], nobody);
      expect(opened).toMatchObject({ date: undefined, subject: '', text: hex(box?.plaintext ?? '').toString() });
      expect(opened.log.length > 0).toBe(log.length > 2);
    }
  });
});

describe('a body', () => {
  const line = fc.string({ unit: 'grapheme', maxLength: 20 }).map((text) => text.replaceAll('\0', ''));
  const bodies: fc.Arbitrary<Body> = fc.record({
    date: fc.option(fc.nat({ max: 0xffffffff }), { nil: undefined }),
    subject: line,
    replyTo: line,
    copies: fc.array(line.filter((copy) => copy !== '')),
    text: fc.string({ unit: 'grapheme' }),
  });

  test('survives being written and read', () => {
    fc.assert(
      fc.property(bodies, (body) => {
        const written = body.date === undefined ? { ...body, text: body.text.replaceAll('\0', '') } : body;
        const bare = { subject: '', replyTo: '', copies: [] };
        expect(readBody(writeBody(written))).toEqual(written.date === undefined ? { ...written, ...bare } : written);
      }),
    );
  });

  test('is read whatever it is', () => {
    fc.assert(fc.property(fc.uint8Array(), (octets) => typeof readBody(octets).text === 'string'));
  });

  test.each([
    { subject: 'a\0b' },
    { replyTo: '\0' },
    { copies: ['a', ''] },
    { copies: ['a\0'] },
    { subject: 'x'.repeat(5000) },
    { date: undefined, text: 'a\0b' },
  ])('with %o cannot be written', (changes) => {
    const body = { date: 1, subject: '', replyTo: '', copies: [], text: '', ...changes };
    expect(() => writeBody(body)).toThrow(failing('unsendable'));
  });
});

// spec: cmtp 9 D17
describe("an attachment's name", () => {
  test.each([
    ['../../etc/passwd', 'passwd'],
    ['C:\\Users\\x\\a.doc', 'a.doc'],
    ['..', 'attachment'],
    ['', 'attachment'],
    ['.bashrc', 'bashrc'],
    ['a\u001b[31mb', 'a[31mb'],
    ['ü'.repeat(300), 'ü'.repeat(127)],
    ['/', 'attachment'],
  ])('%j is read as %j', (name, read) => {
    const plaintext = Buffer.concat([Buffer.from(`${name}\0`), Buffer.from('content')]);
    expect(readAttachment(plaintext)).toEqual({ name: read, content: Buffer.from('content') });
  });

  test('may be missing', () => {
    expect(readAttachment(Buffer.from('abc'))).toEqual({ name: 'attachment', content: Buffer.from('abc') });
  });
});

// spec: cmtp 9 D20
describe("a sender's signature", () => {
  const random = systemRandom;
  const signed = () => composeMessage(draft, { recipientKey: bob.publicKey, signer: alice, random });
  const aliceKey = async () => alice.publicKey;

  test('is good, unknown, or bad, and is no file among the others', async () => {
    expect(await openMessage(signed(), [bob], aliceKey)).toMatchObject({
      signature: 'good',
      attachments: draft.attachments,
    });
    expect(await openMessage(signed(), [bob], nobody)).toMatchObject({ signature: 'unknown' });
    expect(await openMessage(signed(), [bob], async () => bob.publicKey)).toMatchObject({ signature: 'bad' });
  });

  test('covers the envelope and every part', async () => {
    const message = parseMessage(signed());
    const eve = { account: 'eve', domain: keys.domain };
    const other = seal(writeAttachment({ name: 'a.txt', content: Buffer.from('file B') }), bob.publicKey, random);
    const [, ...rest] = message.attachments;
    const forgeries = [
      { ...message, from: eve },
      { ...message, to: eve },
      { ...message, body: seal(writeBody({ ...draft, text: 'Never.' }), bob.publicKey, random) },
      { ...message, attachments: [other, ...rest] },
      { ...message, attachments: rest },
    ];
    for (const forgery of forgeries) {
      expect((await openMessage(formatMessage(forgery), [bob], aliceKey)).signature).toBe('bad');
    }
    expect((await openMessage(formatMessage({ ...message, log: Buffer.from('x\0') }), [bob], aliceKey)).signature).toBe(
      'good',
    );
  });
});

describe('a message that cannot be opened', () => {
  const whole = () => composeMessage(draft, { recipientKey: bob.publicKey, random: systemRandom });

  test.each([
    ['is sealed to another key', whole],
    ['is cut', () => whole().subarray(0, -1)],
    ['is longer', () => Buffer.concat([whole(), Buffer.of(0)])],
    ['is of an unknown version', () => Buffer.concat([Buffer.of(0, 0, 0, 2), whole().subarray(4)])],
    ['is nothing', () => Buffer.alloc(0)],
  ])('%s', async (_, octets) => {
    await expect(openMessage(octets(), [makeKeyPair(systemRandom)], nobody)).rejects.toEqual(failing('unreadable'));
  });

  test('because an octet was changed', async () => {
    const message = whole();
    const { length: boxes } = parseHead(message);
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: 80 }), async (at) => {
        const changed = Buffer.from(message);
        changed[boxes + at] = (changed[boxes + at] ?? 0) ^ 1;
        await expect(openMessage(changed, [bob], nobody)).rejects.toEqual(failing('unreadable'));
      }),
      { numRuns: 20 },
    );
  });

  test('too large a one is not written', () => {
    const attachments = Array.from({ length: 65 }, () => ({ name: 'x', content: Buffer.alloc(0) }));
    const sealing = { recipientKey: bob.publicKey, random: systemRandom };
    expect(() => composeMessage({ ...draft, attachments }, sealing)).toThrow(failing('unsendable'));
    const text = 'x'.repeat(32 * 1024 ** 2);
    expect(() => composeMessage({ ...draft, text }, sealing)).toThrow('is the most');
  });
});
