// Armor against the vectors' texts, and that any octets survive it.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { mixminionVectors } from '../../../test/support/vectors.ts';
import { type ArmorName, readArmor, readBase64, readText, writeArmor, writeBase64, writeText } from './armor.ts';
import { ParseError } from './errors.ts';

const MESSAGE: ArmorName = 'TYPE III ANONYMOUS MESSAGE';
const text = (letters: string) => Buffer.from(letters, 'latin1');

// spec: mixminion-e2e 8.1, 8.2
test('what the original wrote is read and written again to the same octets', () => {
  const { text: samples } = mixminionVectors<{ text: { op: string; text: string; parsed_contents?: string }[] }>(
    'payloads',
  );
  const packed = samples.filter(({ op }) => op === 'pack');
  expect(packed.length).toBeGreaterThan(5);
  for (const { text: letters, parsed_contents: contents = '' } of packed) {
    const [block, ...more] = readArmor(text(letters), MESSAGE);
    if (!block) throw new Error('no block');
    expect(more).toEqual([]);
    const plain = block.headers.get('Message-type') === 'plaintext';
    const octets = plain ? readText(block.body) : readBase64(block.body);
    expect(octets.toString('hex')).toBe(contents);
    const body = plain ? writeText(octets) : writeBase64(octets);
    expect(writeArmor(MESSAGE, block.headers, body).toString('latin1')).toBe(letters);
  }
});

test('any octets come back, among other text, with either line end', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (octets, crlf) => {
      const written = writeArmor(MESSAGE, [['Message-type', 'binary']], writeBase64(octets)).toString('latin1');
      const framed = text(`Hello,\n${written}${written}-- \nbye`.replaceAll('\n', crlf ? '\r\n' : '\n'));
      const blocks = readArmor(framed, MESSAGE);
      expect(blocks.map(({ body }) => readBase64(body))).toEqual([Buffer.from(octets), Buffer.from(octets)]);
      expect(blocks[0]?.headers.get('Message-type')).toBe('binary');
    }),
  );
});

test('any text comes back with its last line ended, even one that looks like armor', () => {
  const lines = fc.constantFrom('-----END TYPE III ANONYMOUS MESSAGE-----', '- x', '-', '', 'a\r', '\xfe', '[...]');
  fc.assert(
    fc.property(fc.array(lines, { maxLength: 6 }), (parts) => {
      const letters = parts.join('\n');
      const [block] = readArmor(writeArmor(MESSAGE, [], writeText(text(letters))), MESSAGE);
      expect(readText(block?.body ?? text('none')).toString('latin1')).toBe(
        letters.endsWith('\n') ? letters : `${letters}\n`,
      );
    }),
  );
});

test.each([
  ['no END line', '-----BEGIN TYPE III KEYRING-----\n\nAAAA\n'],
  ['an END line that goes on', '-----BEGIN TYPE III KEYRING-----\n\nAAAA\n-----END TYPE III KEYRING-----x\n'],
  ['a header without a blank', '-----BEGIN TYPE III KEYRING-----\nVersion:0.1\n\n-----END TYPE III KEYRING-----\n'],
])('refused: %s', (_, letters) => {
  expect(() => readArmor(text(letters), 'TYPE III KEYRING')).toThrow(ParseError);
});

test.each(['AAA', 'AA=A', 'A*==', 'AAAA\n[...]\nAAAA\n'])('not base64: %j', (letters) => {
  expect(() => readBase64(text(letters))).toThrow(ParseError);
});

test('blocks of other names, and text without any, give nothing', () => {
  const other = writeArmor('TYPE III KEYRING', [], writeBase64(text('x')));
  expect(readArmor(other, MESSAGE)).toEqual([]);
  expect(readArmor(text(' -----BEGIN TYPE III ANONYMOUS MESSAGE-----'), MESSAGE)).toEqual([]);
});

test('random text raises only ParseError, however it is cut', () => {
  const pieces = fc.constantFrom('-----BEGIN ', '-----END ', MESSAGE, '-----', '\n', '\r', 'a: b', ':', ' ', 'AAAA');
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 30 }), (parts) => {
      try {
        for (const { body } of readArmor(text(parts.join('')), MESSAGE)) readBase64(body);
      } catch (error) {
        expect(error).toBeInstanceOf(ParseError);
      }
    }),
    { numRuns: 500 },
  );
});
