import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  cmtpVectors,
  hex,
  type InnerVectors,
  type KeyVectors,
  type MessageVectors,
  type ReplyVectors,
} from '../../../test/support/cmtp.ts';
import { keyPairOf, verify } from '../crypto/keys.ts';
import { WireError } from './errors.ts';
import { formatHead, formatMessage, type Message, parseHead, parseLengths, parseMessage } from './message.ts';
import { isName, parsePlace, readName, sameDomain } from './names.ts';
import { makeReplies } from './replies.ts';
import { FETCH_WORDS, parseWord, WORDS } from './words.ts';

const failing = (code: string) => expect.objectContaining({ name: WireError.name, code });
const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).filter(isName);
const account = fc.oneof(name, fc.constant(''));
const octets = (maxLength: number) => fc.uint8Array({ maxLength }).map((bytes) => Buffer.from(bytes));
const message: fc.Arbitrary<Message> = fc.record({
  version: fc.nat(3),
  to: fc.record({ account, domain: name }),
  from: fc.record({ account, domain: account }),
  log: octets(40),
  body: octets(200),
  attachments: fc.array(octets(60), { maxLength: 4 }),
});

// spec: cmtp 5
describe('messages', () => {
  test.each(cmtpVectors<MessageVectors>('messages').messages)('$name reads as the reference wrote it', (vector) => {
    const parsed = parseMessage(hex(vector.message));
    expect(parsed).toEqual({
      version: vector.version,
      to: { account: vector.dest_account, domain: vector.dest_domain },
      from: { account: vector.source_account, domain: vector.source_domain },
      log: hex(vector.log),
      body: hex(vector.body),
      attachments: [],
    });
    expect(formatMessage(parsed)).toEqual(hex(vector.message));
    expect(parseHead(hex(vector.message)).length).toBe(vector.header_bytes);
  });

  test.each(cmtpVectors<InnerVectors>('inner-structures').messages)('$name has its attachments', (vector) => {
    const parsed = parseMessage(hex(vector.message));
    expect(parsed.body).toEqual(hex(vector.sealed_body));
    expect(parsed.attachments).toEqual(vector.attachments.map(({ sealed }) => hex(sealed)));
    expect(formatMessage(parsed)).toEqual(hex(vector.message));
  });

  test('what is written reads back, and nothing shorter or longer does', () => {
    fc.assert(
      fc.property(message, fc.nat(), (written, place) => {
        const wire = formatMessage(written);
        expect(parseMessage(wire)).toEqual(written);
        expect(() => parseMessage(wire.subarray(0, place % wire.length))).toThrow(WireError);
        expect(() => parseMessage(Buffer.concat([wire, Buffer.alloc(1)]))).toThrow(failing('malformed'));
      }),
      { numRuns: 200 },
    );
  });

  test('random octets raise only WireError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        try {
          parseMessage(noise);
        } catch (error) {
          expect(error).toBeInstanceOf(WireError);
        }
      }),
      { numRuns: 500 },
    );
  });

  // spec: cmtp 9 D14
  test('a length above 2^53 - 1 is too much', () => {
    const lengths = Buffer.alloc(24);
    lengths.writeBigUInt64BE(2n ** 53n - 1n, 16);
    expect(parseLengths(lengths).bodyLength).toBe(Number.MAX_SAFE_INTEGER);
    lengths.writeBigUInt64BE(2n ** 53n, 16);
    expect(() => parseLengths(lengths)).toThrow(failing('oversize'));
    lengths.writeBigUInt64BE(2n ** 64n - 1n, 8);
    expect(() => parseLengths(lengths)).toThrow(failing('oversize'));
  });

  test('a name that cannot be carried is not written', () => {
    const from = { account: '', domain: 'a' };
    const lengths = { version: 1, attachments: 0, logLength: 0, bodyLength: 0 };
    expect(() => formatHead({ ...lengths, from, to: { account: 'x\0y', domain: 'a' } })).toThrow(failing('malformed'));
  });
});

// spec: cmtp 9 D15
describe('names', () => {
  test.each(['alice', 'ä', 'a b', '日本', 'a..b', 'a@b', '~', 'x'.repeat(255)])('%j is one', (text) => {
    expect(isName(text)).toBe(true);
    expect(readName(Buffer.from(text))).toBe(text);
  });

  test.each(['.', '..', '../../etc', '.ssh', 'a/b', 'a\\b', '/', 'a\nb', 'a\u0085', 'x'.repeat(256), 'é'.repeat(128)])(
    '%j is none',
    (text) => {
      expect(isName(text)).toBe(false);
      expect(readName(Buffer.from(text))).toBeUndefined();
    },
  );

  test('broken UTF-8 is none, and the empty name stands for the server', () => {
    expect(readName(hex('c3'))).toBeUndefined();
    expect(readName(hex('eda080'))).toBeUndefined();
    expect(isName('\ud800')).toBe(false);
    expect(readName(Buffer.alloc(0))).toBe('');
  });

  // spec: cmtp 9 D8
  test('domains are the same whatever the case of their ASCII letters', () => {
    expect(sameDomain('CMTP-A.example', 'cmtp-a.Example')).toBe(true);
    expect(sameDomain('münchen.example', 'MÜNCHEN.example')).toBe(false);
    expect(sameDomain('\u212aelvin.example', 'kelvin.example')).toBe(false);
  });

  test('a place is cut at the last @', () => {
    expect(parsePlace('a@b@c.example')).toEqual({ account: 'a@b', domain: 'c.example' });
    for (const text of ['a', '@a', 'a@', '', '.a@b', 'a@b/c']) expect(parsePlace(text)).toBeUndefined();
  });
});

// spec: cmtp 2, 9 D13
test('words are upper case and whole, and ours are understood only where they are switched on', () => {
  const word = (text: string, ours = false) => parseWord(Buffer.from(text), ours ? [...WORDS, ...FETCH_WORDS] : WORDS);
  expect(word('KEYREQUEST')).toBe('KEYREQUEST');
  for (const text of ['', 'noop', 'NOOPS', 'OBAIXX', 'XLIST']) expect(word(text)).toBeUndefined();
  expect(word('XLIST', true)).toBe('XLIST');
});

// spec: cmtp 4, 9 D3, D4, D6
describe('replies', () => {
  const keys = cmtpVectors<KeyVectors>('keys');
  const { replies: vectors, signatures_accepted_by_clients } = cmtpVectors<ReplyVectors>('seed-replies');
  const server = keyPairOf(hex(keys.server.ed25519_secret64));
  const replies = makeReplies(server);
  const alice = keys.users.alice;
  const made: Record<string, Buffer> = {
    SUCCESS: replies.success,
    FAILURE: replies.failure,
    KEYNOTAVAILABLE: replies.keyNotAvailable,
    DELIVERYFAILURE: replies.deliveryFailure,
    'KEYREQUEST-server': replies.key(server.publicKey),
    'KEYREQUEST-alice': replies.key(hex(alice.ed25519_public)),
    'LOGIN-alice': replies.signed(hex(alice.xzibit.bytes)),
  };

  test.each(vectors)('$name is the seed’s, to the octet', (vector) => {
    expect(made[vector.name]?.toString('hex')).toBe(vector.hex);
  });

  test.each(Object.entries(signatures_accepted_by_clients))('both signatures over %s verify', (word, signatures) => {
    expect(verify(hex(signatures.sig_over_text), Buffer.from(word), server.publicKey)).toBe(true);
    expect(verify(hex(signatures.sig_over_text_and_NUL), Buffer.from(`${word}\0`), server.publicKey)).toBe(true);
  });
});
