// The files that operators write: who wants no mail, and who is here.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseAddressFile } from './address-file.ts';
import { parseBlacklist } from './blacklist.ts';
import { ExitError } from './errors.ts';

// spec: mixminion-server 4.2
describe('the blacklist', () => {
  const { denies } = parseBlacklist(
    [
      '# who asked for it',
      '',
      'deny address One@Example.org',
      '  DENY user Root  ',
      'deny onehost only.example.com',
      'deny allhosts example.net',
      'deny pattern /^a.*z@/',
      'deny pattern /[.]invalid$/',
    ].join('\r\n'),
  );
  test.each([
    ['one@example.org', true],
    ['ONE@EXAMPLE.ORG', true],
    ['two@example.org', false],
    ['root@anywhere.example', true],
    ['roots@anywhere.example', false],
    ['x@only.example.com', true],
    ['x@sub.only.example.com', false],
    ['x@example.com', false],
    ['x@example.net', true],
    ['x@a.b.EXAMPLE.net', true],
    ['x@notexample.net', false],
    ['x@example.net.org', false],
    ['AbcZ@example.org', true],
    ['x@y.Invalid', true],
    ['x@invalid.example.org', false],
  ])('%s: %s', (address, denied) => {
    expect(denies(address)).toBe(denied);
  });

  test.each([
    'deny',
    'deny address',
    'deny  address a@b.c',
    'deny address  a@b.c',
    'allow address a@b.c',
    'deny everyone x',
    'deny pattern x',
    'deny pattern //',
    'deny pattern /(/',
    `deny user ${'x'.repeat(1000)}`,
  ])('%s is no rule', (line) => {
    expect(() => parseBlacklist(`# one\n${line}\n`)).toThrow(
      expect.objectContaining({ code: 'exit-line', message: expect.stringContaining('line 2') }),
    );
  });
});

// spec: mixminion-server 4.3
test('the address file: names as they are written, either sign between, comments', () => {
  const users = parseAddressFile('# users\nalice : alice@example.org\nBob=bob@example.org\r\n\n carol: c@d.e \n');
  expect([...users]).toEqual([
    ['alice', 'alice@example.org'],
    ['Bob', 'bob@example.org'],
    ['carol', 'c@d.e'],
  ]);
  for (const line of [
    'alice',
    'alice alice@example.org',
    ': a@b.c',
    'a b : a@b.c',
    'a : b',
    'a : a@1.2.3.4',
    'a : a@b.c d',
  ])
    expect(() => parseAddressFile(line), line).toThrow(expect.objectContaining({ code: 'exit-line' }));
  expect(() => parseAddressFile('a : a@b.c\na : d@e.f')).toThrow(/line 2.*twice/);
});

test('whatever is in such a file, it is read or refused', () => {
  const word = fc.constantFrom(
    'deny',
    'address',
    'pattern',
    'allhosts',
    '/a/',
    '/(/',
    'a@b.c',
    ':',
    '=',
    '#',
    '\n',
    ' ',
  );
  const text = fc.oneof(
    fc.string(),
    fc.array(word, { maxLength: 20 }).map((words) => words.join(' ')),
  );
  fc.assert(
    fc.property(text, (written) => {
      for (const parse of [(given: string) => void parseBlacklist(given).denies('a@b.c'), parseAddressFile]) {
        try {
          parse(written);
        } catch (error) {
          expect(error).toBeInstanceOf(ExitError);
        }
      }
    }),
  );
  expect(() => parseBlacklist('\n'.repeat(100_001))).toThrow(ExitError);
  expect(() => parseAddressFile('\n'.repeat(100_001))).toThrow(ExitError);
});
