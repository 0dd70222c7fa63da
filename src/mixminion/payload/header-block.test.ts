import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hex, mixminionVectors } from '../../../test/support/vectors.ts';
import { PayloadError } from './errors.ts';
import { parseHeaderBlock, writeHeaderBlock } from './header-block.ts';

interface HeaderVector {
  readonly op: 'encode' | 'parse';
  readonly headers: [string, string][];
  readonly result?: string;
  readonly in?: string;
  readonly body?: string;
}

// spec: mixminion-e2e 2
test('header blocks are written and read as by the original program', () => {
  for (const { op, headers, result = '', in: message = '', body = '' } of mixminionVectors<{
    headers: HeaderVector[];
  }>('payloads').headers) {
    const values = new Map(headers.map(([name, value]) => [name, hex(value).toString('latin1')]));
    if (op === 'parse') {
      const parsed = parseHeaderBlock(hex(message));
      expect([parsed.headers, parsed.body.toString('hex')]).toEqual([values, body]);
    } else if (result === 'ParseError') expect(() => writeHeaderBlock(values)).toThrow(PayloadError);
    else expect(writeHeaderBlock(values).toString('hex')).toBe(result);
  }
});

test('the name of a sender cannot break out of its quotes', () => {
  for (const value of ['a"b', '[Anon]', 'a]', 'a:b'])
    expect(() => writeHeaderBlock(new Map([['FROM', value]]))).toThrow(PayloadError);
});

test('a message without any line is empty, and flaws are named', () => {
  expect(parseHeaderBlock(Buffer.alloc(0))).toEqual({ headers: new Map(), body: Buffer.alloc(0) });
  expect(parseHeaderBlock(Buffer.from('text')).flaw).toBe('no header block');
  expect(parseHeaderBlock(Buffer.from('A:b\n')).flaw).toBe('no header block');
  expect(parseHeaderBlock(Buffer.from(`A:${'x'.repeat(901)}\n\n`)).flaw).toBe('value too long');
});

test('any headers and body come back', () => {
  const name = fc.stringMatching(/^[A-Z!-9;-@]{1,20}$/);
  const value = fc.stringMatching(/^[ !#-9;-Z^-~]{0,80}$/);
  fc.assert(
    fc.property(fc.dictionary(name, value), fc.uint8Array(), (entries, body) => {
      const headers = new Map(Object.entries(entries));
      const message = Buffer.concat([writeHeaderBlock(headers), body]);
      expect(parseHeaderBlock(message)).toEqual({ headers, body: Buffer.from(body) });
    }),
  );
});
