// The message format: the sample to the octet, what is refused, and writing what was read.   spec: ima 2.2

import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { blockOf, SAMPLE, SAMPLE_BLOCK, SAMPLE_HEADERS, SAMPLE_SHA256 } from '../../../test/support/ima-samples.ts';
import { WireError } from '../errors.ts';
import { endOfBlock, formatBlock, parseHead, recipientsOf, senderOf } from './message.ts';
import { formatPart, parsePart, ROLES } from './parts.ts';

test('the sample is the one of the specification', () => {
  expect(SAMPLE).toHaveLength(251);
  expect(SAMPLE_BLOCK).toHaveLength(234);
  expect(createHash('sha256').update(SAMPLE).digest('hex')).toBe(SAMPLE_SHA256);
  expect(endOfBlock(SAMPLE)).toBe(234);
  const head = parseHead(SAMPLE_BLOCK);
  expect(head).toMatchObject({
    id: '018c2f6e-0000-7000-8000-000000000001@a.test',
    date: Date.UTC(2026, 10, 22, 5),
    from: 'alice@a.test',
    mailer: undefined,
    to: ['bob@b.test', 'carol@b.test'],
    size: 17,
    parts: [
      { size: 12, role: 'body', type: 'text/plain' },
      { size: 5, role: 'attachment', type: 'application/octet-stream', name: 'notes.bin' },
    ],
  });
  expect(recipientsOf(head)).toEqual(['bob@b.test', 'carol@b.test']);
  expect(senderOf(head)).toBe('alice@a.test');
  expect(formatBlock(head.headers)).toEqual(SAMPLE_BLOCK);
});

/** The sample's lines with one replaced, or with some put before the last. */
const replaced = (name: string, line: string) =>
  SAMPLE_HEADERS.map((header) => (header.startsWith(`${name}: `) ? line : header));
const added = (...lines: string[]) => SAMPLE_HEADERS.toSpliced(-1, 0, ...lines);

test('no part is one text; what is unknown is kept in its place', () => {
  const lines = added('x-b: 1', 'unknown: kept', 'x-b: 2').filter((line) => !line.startsWith('part'));
  const head = parseHead(blockOf(lines));
  expect(head.parts).toEqual([{ size: 17, role: 'body', type: 'text/plain' }]);
  expect(formatBlock(head.headers)).toEqual(blockOf(lines));
});

describe('refused', () => {
  const refused: readonly [why: string, block: Uint8Array][] = [
    ['nothing', Buffer.alloc(0)],
    ['no headers', Buffer.from('\n\n')],
    ['no empty line', SAMPLE_BLOCK.subarray(0, -1)],
    ['octets behind the empty line', Buffer.concat([SAMPLE_BLOCK, Buffer.from('x')])],
    ['an empty line in the middle', blockOf(added(''))],
    ['CR', Buffer.from(SAMPLE_BLOCK.toString().replace('Hello', 'Hello\r'))],
    ['NUL', Buffer.from(SAMPLE_BLOCK.toString().replace('Hello', 'Hello\0'))],
    ['no UTF-8', Buffer.from(SAMPLE_BLOCK.toString().replace('Hello', 'H\xe9llo'), 'latin1')],
    ['another version', blockOf(replaced('ima', 'ima: 2'))],
    ['a first line of another name', blockOf(SAMPLE_HEADERS.slice(1))],
    ['size not last', blockOf([...SAMPLE_HEADERS, 'x-last: 1'])],
    ['no size', blockOf(SAMPLE_HEADERS.slice(0, -1))],
    ['a size with a leading zero', blockOf(replaced('size', 'size: 017'))],
    ['parts of another length', blockOf(replaced('size', 'size: 18'))],
    ['two subjects', blockOf(added('subject: again'))],
    ['no recipient', blockOf(SAMPLE_HEADERS.filter((line) => !line.startsWith('to')))],
    ['recipients with a bare comma', blockOf(replaced('to', 'to: bob@b.test,carol@b.test'))],
    ['no writer', blockOf(SAMPLE_HEADERS.filter((line) => !line.startsWith('from')))],
    ['two writers', blockOf(replaced('from', 'from: alice@a.test, ann@a.test'))],
    ['an id of another host', blockOf(replaced('id', 'id: 018c2f6e-0000-7000-8000-000000000001@b.test'))],
    ['an id that is no uuid', blockOf(replaced('id', 'id: 1@a.test'))],
    ['a day that is not', blockOf(replaced('date', 'date: 2026-06-31T05:00:00Z'))],
    ['a date of another zone', blockOf(replaced('date', 'date: 2026-06-30T05:00:00+01:00'))],
    ['a name in capitals', blockOf(replaced('subject', 'Subject: Hello'))],
    ['a name of 41 octets', blockOf(added(`${'x'.repeat(41)}: 1`))],
    ['no space behind the colon', blockOf(replaced('subject', 'subject:Hello'))],
    ['a line of 8193 octets', blockOf(replaced('subject', `subject: ${'é'.repeat(4092)}`))],
    ['201 parts', blockOf(added(...Array<string>(200).fill('part: 0 attachment a/b')))],
    ['an alternative of nothing', blockOf(replaced('part', 'part: 17 alt text/html').toSpliced(-2, 1))],
    ['64 KiB and more', blockOf(added(...Array.from({ length: 9 }, (_, at) => `x-${at}: ${'x'.repeat(8000)}`)))],
  ];
  test.each(refused)('%s', (_why, block) => {
    expect(() => parseHead(block)).toThrow(WireError);
  });
});

test('a line may be 8192 octets long and a name 40', () => {
  expect(parseHead(blockOf(replaced('subject', `subject: ${'x'.repeat(8192 - 9)}`))).headers).toHaveLength(9);
  expect(parseHead(blockOf(added(`${'x'.repeat(40)}: `))).headers).toHaveLength(10);
});

test('the id may belong to the mailer, and the mailer is the sender', () => {
  const lines = replaced('id', 'id: 018c2f6e-0000-7000-8000-000000000001@L.test');
  const head = parseHead(blockOf(lines.toSpliced(-1, 0, 'mailer: list-bounces@l.test')));
  expect(senderOf(head)).toBe('list-bounces@l.test');
});

test('any name of a file comes back as it was', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme', minLength: 1 }),
      fc.constantFrom(...ROLES),
      fc.nat(),
      (name, role, size) => {
        const part = { size, role, type: 'a/b', name: name.toWellFormed() };
        expect(parsePart(formatPart(part))).toEqual(part);
      },
    ),
  );
});

test('random octets, and the sample with octets exchanged, raise WireError alone', () => {
  const read = (octets: Uint8Array) => {
    try {
      expect(formatBlock(parseHead(octets).headers)).toEqual(Buffer.from(octets));
    } catch (error) {
      expect(error).toBeInstanceOf(WireError);
    }
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), read));
  fc.assert(
    fc.property(fc.nat(233), fc.nat(255), (at, octet) => {
      const changed = Buffer.from(SAMPLE_BLOCK);
      changed[at] = octet;
      read(changed);
    }),
    { numRuns: 500 },
  );
});
