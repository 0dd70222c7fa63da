import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hex, mixminionVectors } from '../../../test/support/vectors.ts';
import { ParseError } from '../packet/errors.ts';
import { type AnonymousMessage, readMessages, writeMessage } from './text.ts';

type Code = 'TXT' | 'BIN' | 'LONG' | 'ENC' | 'FRAG';
type TextVector =
  | {
      op: 'pack';
      type: Code;
      contents: string;
      tag: string | null;
      text: string;
      parsed_type: Code;
      parsed_contents: string;
    }
  | {
      op: 'parse';
      name: string;
      text: string;
      result: string | { type: Code; contents: string; tag: string | null }[];
    };

const TYPES = { TXT: 'plaintext', BIN: 'binary', LONG: 'overcompressed', ENC: 'encrypted', FRAG: 'fragment' } as const;

function message(code: Code, contents: string, tag: string | null): AnonymousMessage {
  return { type: TYPES[code], contents: hex(contents), ...(tag === null ? {} : { tag: hex(tag) }) };
}

// spec: mixminion-e2e 8.1, 8.2
test('armoured messages are written and read as by the original program', () => {
  for (const vector of mixminionVectors<{ text: TextVector[] }>('payloads').text) {
    const text = Buffer.from(vector.text, 'latin1');
    if (vector.op === 'pack') {
      expect(writeMessage(message(vector.type, vector.contents, vector.tag)).toString('latin1')).toBe(vector.text);
      expect(readMessages(text)).toEqual([message(vector.parsed_type, vector.parsed_contents, vector.tag)]);
    } else if (typeof vector.result === 'string') {
      expect(() => readMessages(text)).toThrow(ParseError);
    } else {
      expect(readMessages(text)).toEqual(vector.result.map(({ type, contents, tag }) => message(type, contents, tag)));
    }
  }
});

test('any message comes back among other text; noise in a block raises only ParseError', () => {
  const octets = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));
  const messages = fc.oneof(
    fc.record({
      type: fc.constantFrom('binary' as const, 'overcompressed' as const, 'fragment' as const),
      contents: octets,
    }),
    fc.record({
      type: fc.constant('plaintext' as const),
      contents: octets.map((text) => Buffer.concat([text, hex('0a')])),
    }),
    fc.record({
      type: fc.constant('encrypted' as const),
      contents: octets,
      tag: fc.uint8Array({ minLength: 20, maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
    }),
  );
  fc.assert(
    fc.property(fc.array(messages, { maxLength: 4 }), (sent) => {
      const between = Buffer.from('-- \nsomeone wrote:\n');
      expect(readMessages(Buffer.concat(sent.flatMap((one) => [between, writeMessage(one)])))).toEqual(sent);
    }),
  );
  fc.assert(
    fc.property(messages, octets, fc.nat(400), (sent, noise, at) => {
      const text = writeMessage(sent);
      const broken = Buffer.concat([text.subarray(0, at), noise, text.subarray(at)]);
      try {
        readMessages(broken);
      } catch (error) {
        if (!(error instanceof ParseError)) throw error;
      }
    }),
  );
});
