import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NymError } from '../errors.ts';
import { parseFilter } from './parse.ts';
import { type Filtered, glob, runFilter } from './run.ts';

const mail: Filtered = {
  headers: [
    ['received', 'from far'],
    ['from', '"Bob, the <builder>" <Bob@Example.ORG>'],
    ['to', 'alice@nym.test, carol@else.test (Carol)'],
    ['subject', 'Make MONEY fast'],
    ['x-spam-level', '*****'],
  ],
  envelope: { from: 'bounce@example.org', to: 'alice@nym.test' },
  size: 5000,
};

// spec: mixminion-nym 8
describe('what a filter decides', () => {
  test.each<[string, boolean]>([
    ['', true],
    ['keep;', true],
    ['discard;', false],
    ['discard; keep;', true],
    ['stop; discard;', true],
    ['if true { stop; } discard;', true],
    ['if header :contains "Subject" "money" { discard; }', false],
    ['if header :is "subject" "make money" { discard; }', true],
    ['if header :is ["subject", "to"] ["x", "MAKE money FAST"] { discard; }', false],
    ['if header :matches "subject" "*mo?ey*" { discard; }', false],
    ['if header :matches "x-spam-level" "\\\\*\\\\*\\\\*\\\\*\\\\*" { discard; }', false],
    ['if header :comparator "i;ascii-casemap" :contains "subject" "fast" { discard; }', false],
    ['if address :is "from" "bob@example.org" { discard; }', false],
    ['if address :domain :is ["from","to"] "ELSE.test" { discard; }', false],
    ['if address :localpart "to" "carol" { discard; }', false],
    ['require "envelope"; if envelope :domain "from" "example.org" { discard; }', false],
    ['require ["envelope"]; if envelope "to" "bob@nym.test" { discard; }', true],
    ['if size :over 4K { discard; }', false],
    ['if size :under 4k { discard; }', true],
    ['if exists ["subject", "x-spam-level"] { discard; }', false],
    ['if exists ["subject", "x-none"] { discard; }', true],
    ['if not exists "x-none" { discard; }', false],
    ['if allof (true, size :over 1, not false) { discard; }', false],
    ['if anyof (false, size :over 1M) { discard; } elsif true { keep; } else { discard; }', true],
    ['if false { keep; } else { discard; }', false],
    ['# a remark\nif /* of either\nkind */ TRUE { DISCARD; }', false],
  ])('%s', (source, kept) => {
    expect(runFilter(parseFilter(source), mail)).toBe(kept);
  });
});

describe('a filter that cannot be understood says where', () => {
  test.each([
    ['keep', 'line 1, column 5: ; was expected'],
    ['\n  redirect "x";', 'line 2, column 3: there is no command redirect here'],
    ['if header :regex "a" "b" { keep; }', 'line 1, column 11: header does not take :regex'],
    ['if header :domain "a" "b" { keep; }', 'line 1, column 11: header does not take :domain'],
    ['require "fileinto";', 'line 1, column 9: this server does not know "fileinto"'],
    ['if size 4K { keep; }', 'line 1, column 9: :over or :under was expected'],
    ['keep; }', 'line 1, column 7: a command was expected'],
    ['if header "a" "b { keep; }', 'line 1, column 15: this cannot be read'],
    ['else { keep; }', 'line 1, column 1: there is no command else here'],
  ])('%j', (source, message) => {
    expect(() => parseFilter(source)).toThrow(expect.objectContaining({ code: 'filter', message }));
  });

  test('and so does one that is too long, too deep or asks too much', () => {
    const code = expect.objectContaining({ code: 'filter' });
    expect(() => parseFilter('#'.repeat(8193))).toThrow(code);
    expect(() => parseFilter(`if ${'not '.repeat(11)}true { keep; }`)).toThrow(code);
    expect(parseFilter(`if ${'not '.repeat(10)}true { keep; }`)).toHaveLength(1);
    expect(() => parseFilter('if true {'.repeat(11) + '}'.repeat(11))).toThrow(code);
    expect(() => parseFilter('if true {}'.repeat(101))).toThrow(code);
    expect(parseFilter('if true {}'.repeat(100))).toHaveLength(100);
  });

  test('whatever it is', () => {
    const piece = fc.constantFrom(
      'if ',
      'not ',
      'true ',
      'keep;',
      '{',
      '}',
      '"a"',
      ':is ',
      'header ',
      '[',
      ']',
      ',',
      '(',
      ')',
      '9k ',
      '/*',
      '\\',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(piece).map((pieces) => pieces.join('')),
        ),
        (source) => {
          try {
            expect(typeof runFilter(parseFilter(source), mail)).toBe('boolean');
          } catch (error) {
            expect(error).toBeInstanceOf(NymError);
          }
        },
      ),
    );
  });
});

describe('patterns', () => {
  test('mean what a regular expression would', () => {
    const letters = fc
      .array(fc.constantFrom('a', 'b', '*', '?', '.', '\\'), { maxLength: 8 })
      .map((all) => all.join(''));
    fc.assert(
      fc.property(letters, letters, (value, pattern) => {
        const source = pattern.replace(/\\(.)|./gs, (whole, escaped: string | undefined) => {
          const text = escaped ?? whole;
          if (escaped === undefined && text === '*') return '.*';
          if (escaped === undefined && text === '?') return '.';
          return `\\u{${(text.codePointAt(0) ?? 0).toString(16)}}`;
        });
        expect(glob(value, pattern)).toBe(new RegExp(`^${source}$`, 'su').test(value));
      }),
      { numRuns: 500 },
    );
  });

  test('take no more time than the two lengths allow', () => {
    expect(glob('a'.repeat(20_000), `${'*a'.repeat(20)}b`)).toBe(false);
  });
});
