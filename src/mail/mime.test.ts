import fc from 'fast-check';
import PostalMime from 'postal-mime';
import { describe, expect, test } from 'vitest';
import { systemRandom } from '../base/random.ts';
import { MailError } from './errors.ts';
import { looksLikeMail, readMime } from './read-mime.ts';
import { mailDate, type Part, writeMime } from './write-mime.ts';

// Header values lose control characters and the white space around them; what remains arrives as it was written.
const value = fc
  .string({ unit: 'grapheme', maxLength: 120 })
  .map((text) =>
    text
      .toWellFormed()
      .replace(/[\p{Cc}\p{Z}]+/gu, ' ')
      .trim(),
  )
  .filter((text) => !/\ufffd/.test(text));
const text = fc.string({ unit: 'grapheme', maxLength: 500 }).map((words) => words.toWellFormed().replaceAll('\r', ''));
const part: fc.Arbitrary<Part> = fc.record({
  type: fc.constantFrom('application/octet-stream', 'image/png', 'application/pgp-keys'),
  content: fc.uint8Array({ maxLength: 2000 }),
  name: fc.stringMatching(/^[a-z0-9äö€][a-z0-9 äö€.]{0,30}[a-z0-9]$/),
});

test('what is written reads back: subject, text, files with their names and octets', async () => {
  await fc.assert(
    fc.asyncProperty(value, text, fc.array(part, { maxLength: 4 }), async (subject, body, parts) => {
      const octets = writeMime([['Subject', subject]], body, parts, systemRandom);
      const mail = await readMime(octets);
      expect(mail.subject).toBe(subject);
      expect(mail.text.trimEnd()).toBe(body.trimEnd());
      expect(mail.files.map(({ name, type, content }) => [name, type, content])).toEqual(
        parts.map(({ name, type, content }) => [name, type, Buffer.from(content)]),
      );
    }),
    { numRuns: 60 },
  );
});

test('a field cannot bring in another one', async () => {
  const octets = writeMime([['Subject', 'hello\r\nBcc: everybody@example.net\r\n\r\nbody']], '', [], systemRandom);
  const mail = await readMime(octets);
  expect(mail.field('bcc')).toBe('');
  expect(mail.subject).toBe('hello Bcc: everybody@example.net body');
});

test.each([
  ['../../etc/passwd', 'passwd'],
  ['..\\..\\boot.ini', 'boot.ini'],
  ['.profile', 'profile'],
  ['a\u202egnp.exe', 'a_gnp.exe'],
  ['', 'part-1'],
  ['x'.repeat(300), 'x'.repeat(100)],
])('the name %j is saved as %j', async (name, safe) => {
  const octets = writeMime([], '', [{ type: 'image/png', content: Buffer.from('x'), name }], systemRandom);
  expect((await readMime(octets)).files).toMatchObject([{ name: safe }]);
});

test('HTML is a file, not a text', async () => {
  const mail = await readMime(Buffer.from('Subject: x\r\nContent-Type: text/html\r\n\r\n<b>bold</b>'));
  expect(mail.text).toBe('');
  expect(mail.files).toMatchObject([{ name: 'letter.html', type: 'text/html' }]);
});

test('nesting and headers beyond their limits are refused', async () => {
  let nested = 'Content-Type: text/plain\r\n\r\nx';
  for (let depth = 0; depth < 40; depth += 1) {
    nested = `Content-Type: multipart/mixed; boundary="b${depth}"\r\n\r\n--b${depth}\r\n${nested}\r\n--b${depth}--\r\n`;
  }
  await expect(readMime(Buffer.from(nested))).rejects.toThrow(MailError);
  await expect(readMime(Buffer.from(`X-Long: ${'x'.repeat(100_000)}\r\n\r\n`))).rejects.toThrow(MailError);
});

describe('what is nothing but text', () => {
  const heads = fc.subarray([
    'Subject: x',
    'Content-Type: text/plain; charset=utf-8',
    'Content-Type: text/plain; charset="us-ascii"',
    'Content-Type: text/plain',
    'Content-Transfer-Encoding: 8bit',
    'Content-Language: en',
    'MIME-Version: 1.0',
  ]);
  const end = fc.constantFrom('\r\n', '\n', '\r\r\n');
  const bodies = fc.array(fc.constantFrom('a', 'ä', '\r\n', '\n', '\r', '\ufeff', ' ', '.', '=41', '--b'), {
    maxLength: 20,
  });

  test('reads as the parser reads it line by line', async () => {
    await fc.assert(
      fc.asyncProperty(heads, end, bodies, async (fields, line, body) => {
        const octets = Buffer.from([...fields, '', body.join('')].join(line));
        const [mail, slow] = await Promise.all([readMime(octets), PostalMime.parse(octets)]);
        expect(mail.text).toBe((slow.text ?? '').replaceAll('\r\n', '\n'));
        expect(mail.subject).toBe(slow.subject ?? '');
      }),
      { numRuns: 500 },
    );
  });
});

test('random octets raise only MailError', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 3000 }), async (octets) => {
      await readMime(octets).catch((error) => expect(error).toBeInstanceOf(MailError));
    }),
    { numRuns: 200 },
  );
});

test('mail is told from plain text by its fields', () => {
  expect(looksLikeMail(Buffer.from('Subject: hello\n\ntext'))).toBe(true);
  expect(looksLikeMail(Buffer.from('Dear Bob,\nfrom: here it looks well.'))).toBe(false);
  expect(looksLikeMail(Buffer.from(''))).toBe(false);
});

test('dates are written in UTC', () => {
  expect(mailDate(Date.UTC(2026, 10, 22, 8, 5, 6))).toBe('Sun, 22 Nov 2026 08:05:06 +0000');
});
