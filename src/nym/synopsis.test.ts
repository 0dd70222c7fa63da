import fc from 'fast-check';
import { expect, test } from 'vitest';
import { NymError } from './errors.ts';
import { readSynopses, splitMail, validBits, writeSynopses, writeSynopsis } from './synopsis.ts';

// spec: mixminion-nym 4.2
test('a synopsis has the chosen headers in their order, each cut, and the beginning of the text', () => {
  const mail = Buffer.from(
    [
      'Received: from mx.example.org by nym.test;',
      '\tSun, 22 Nov 2026 10:00:00 +0000',
      'Received: from home by mx.example.org',
      'DKIM-Signature: v=1; b=abcdef',
      'from: Bob <bob@example.org>',
      `Subject: ${'long '.repeat(40)}`,
      'To: alice@nym.test',
      'To: again@nym.test',
      'no field',
      'X-Spam-Level: **',
      '',
      'Hello, Alice.',
      'x'.repeat(300),
    ].join('\r\n'),
  );
  const synopsis = writeSynopsis(mail).toString('latin1');
  expect(synopsis).toBe(
    [
      'Received: from mx.example.org by nym.test;\tSun, 22 Nov 2026 10:00:00 +0000',
      'from: Bob <bob@example.org>',
      `Subject: ${'long '.repeat(40)}`.slice(0, 80),
      'To: alice@nym.test',
      'X-Spam-Level: **',
      `X-Octets: ${mail.length}`,
      '',
      `Hello, Alice.\n${'x'.repeat(114)}`,
    ].join('\n'),
  );
});

test('it is shorter than 2000 octets, whatever the mail', () => {
  const names = fc.constantFrom(
    'Cc',
    'Date',
    'From',
    'In-Reply-To',
    'Message-Id',
    'References',
    'Subject',
    'To',
    'Received',
  );
  const header = fc.tuple(names, fc.string({ maxLength: 200 })).map(([name, value]) => `${name}: ${value}\r\n`);
  fc.assert(
    fc.property(fc.array(header, { maxLength: 40 }), fc.string({ maxLength: 400 }), (headers, body) => {
      expect(writeSynopsis(Buffer.from(`${headers.join('')}\r\n${body}`)).length).toBeLessThan(2000);
    }),
  );
  expect(writeSynopsis(Buffer.alloc(0)).toString()).toBe('X-Octets: 0\n\n');
  expect(splitMail(Buffer.from('\n\nText')).text.toString()).toBe('\nText');
});

// spec: mixminion-nym 4.4
test('sets come back as they were written, and what is none is refused', () => {
  const synopsis = fc.record({
    id: fc.uint8Array({ minLength: 20, maxLength: 20 }).map((octets) => Buffer.from(octets)),
    text: fc.uint8Array({ maxLength: 50 }).map((octets) => Buffer.from(octets)),
  });
  fc.assert(
    fc.property(fc.array(synopsis, { maxLength: 16 }), (set) => {
      const written = writeSynopses(set);
      expect(readSynopses(written)).toEqual(set);
      if (written.length > 0) expect(() => readSynopses(written.subarray(0, -1))).toThrow(NymError);
    }),
  );
  const one = { id: Buffer.alloc(20), text: Buffer.alloc(0) };
  expect(() => writeSynopses(Array(17).fill(one))).toThrow(NymError);
  expect(() => readSynopses(Buffer.alloc(22 * 17))).toThrow(NymError);
});

// spec: mixminion-nym 3
test('the bits of a set say which mails are still there, the first in the lowest', () => {
  const ids = [1, 2, 3].map((octet) => Buffer.alloc(20, octet));
  expect(validBits(ids, (id) => id[0] !== 2)).toBe(0b101);
});
