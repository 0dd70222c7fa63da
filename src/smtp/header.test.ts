import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseMailAddress } from './addresses.ts';
import { fromAddress, LineEnds, splitMessage, withCrLf } from './header.ts';

const octets = (text: string) => Buffer.from(text, 'latin1');
const pieces = fc.array(fc.constantFrom('\r', '\n', '\r\n', 'a', ':', ' ', '\t', 'From: x', '\xff'), { maxLength: 40 });

test('fields and the rest are the message again, whatever it is', () => {
  fc.assert(
    fc.property(pieces, (parts) => {
      const message = withCrLf(octets(parts.join('')));
      const { fields, rest } = splitMessage(message);
      expect(Buffer.concat([...fields.map((field) => field.octets), rest])).toEqual(message);
    }),
  );
});

test('a line end that stands alone is seen, however the octets are cut', () => {
  fc.assert(
    fc.property(pieces, fc.nat(50), fc.nat(50), (parts, a, b) => {
      const text = parts.join('');
      const lines = new LineEnds();
      const [first = 0, second = 0] = [a % (text.length + 1), b % (text.length + 1)].sort((x, y) => x - y);
      for (const part of [text.slice(0, first), text.slice(first, second), text.slice(second)]) lines.see(octets(part));
      expect(lines.strict).toBe(!/[\r\n]/.test(text.replaceAll('\r\n', '')));
    }),
    { numRuns: 500 },
  );
});

test('CR LF at each line end, and nothing else changed', () => {
  fc.assert(
    fc.property(pieces, (parts) => {
      const text = parts.join('');
      const lines = text.replace(/\r\n|\r|\n/g, '\r\n');
      expect(withCrLf(octets(text)).toString('latin1')).toBe(lines.endsWith('\r\n') ? lines : `${lines}\r\n`);
    }),
  );
});

test.each([
  ['From: a@b.test', 'a@b.test'],
  ['FROM:\r\n <a@b.test>', 'a@b.test'],
  ['From: "x, <c@d.test>" <a@b.test>', 'a@b.test'],
  ['From: (c@d.test (nested)) Al <a@b.test> (x)', 'a@b.test'],
  ['From: a@b.test, c@d.test', undefined],
  ['From: <c@d.test> <a@b.test>', undefined],
  ['From: x: a@b.test;', undefined],
  ['From: a@b.test\r\nfrom : a@b.test', undefined],
  ['From: "x" c@d.test', undefined],
  ['Sender: a@b.test', undefined],
])('%j is from %s', (header, address) => {
  expect(fromAddress(splitMessage(octets(`${header}\r\n\r\n`)).fields)).toBe(address);
});

test.each([
  ['a@b.test', true],
  ["o'neil+tag@sub.b-c.test", true],
  ['a@B.TEST', true],
  ['a@localhost', true],
  ['a', false],
  ['@b.test', false],
  ['.a@b.test', false],
  ['a..b@b.test', false],
  ['"a b"@b.test', false],
  ['a@[127.0.0.1]', false],
  ['a@-b.test', false],
  ['a@b..test', false],
  ['ä@b.test', false],
  ['a@b.test\r\n', false],
  [`${'a'.repeat(65)}@b.test`, false],
  [`a@${'b'.repeat(64)}.test`, false],
])('%j is an address: %s', (text, is) => {
  expect(parseMailAddress(text) !== undefined).toBe(is);
});
