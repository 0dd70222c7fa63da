import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type ClientLine,
  formatClientLine,
  formatServerLine,
  LINE_LIMIT,
  parseClientLine,
  parseServerLine,
  type ServerLine,
  WireError,
} from './wire.ts';

const FPR = '6A5A7A8A650F0C12961ED8F74278AF1D067C0E57';
const ID = '4c1f0a6be2d94d0f8f3a5b7c9d1e2f30';
const client = (line: string) => parseClientLine(Buffer.from(line));
const server = (line: string) => parseServerLine(Buffer.from(line));

// spec: smallmail 3
describe('the sample session', () => {
  const sent: [string, ClientLine][] = [
    ['CRID 1205', { word: 'CRID', size: 1205 }],
    [`SEND ${FPR} 338`, { word: 'SEND', mailbox: FPR, size: 338 }],
    ['BODY 338', { word: 'BODY', size: 338 }],
    [`LIST ${FPR}`, { word: 'LIST', mailbox: FPR }],
    ['RESP 310', { word: 'RESP', size: 310 }],
    [`RECV ${FPR} ${ID}`, { word: 'RECV', mailbox: FPR, id: ID }],
    [`RPRT ${FPR} ${ID} 330 END`, { word: 'RPRT', mailbox: FPR, id: ID, offset: 330, length: 'END' }],
    [`RPRT ${FPR} ${ID} 0 8`, { word: 'RPRT', mailbox: FPR, id: ID, offset: 0, length: 8 }],
    [`DELE ${FPR} ${ID}`, { word: 'DELE', mailbox: FPR, id: ID }],
    ['WORK', { word: 'WORK' }],
    [`WORK ${ID} 1z`, { word: 'PROOF', token: ID, nonce: '1z' }],
    ['QUIT', { word: 'QUIT' }],
  ];
  test.each(sent)('%s', (text, line) => {
    expect(client(text)).toEqual(line);
    expect(formatClientLine(line)).toBe(`${text}\n`);
  });

  const answered: [string, ServerLine][] = [
    [`IDCR ${FPR}`, { word: 'IDCR', mailbox: FPR }],
    ['REJECT', { word: 'REJECT' }],
    ['ACCEPT', { word: 'ACCEPT' }],
    ['RCVD', { word: 'RCVD' }],
    [`MSG ${ID} 338`, { word: 'MSG', id: ID, size: 338 }],
    ['LSTD', { word: 'LSTD' }],
    ['BODY 338', { word: 'BODY', size: 338 }],
    ['PART 330 8', { word: 'PART', offset: 330, size: 8 }],
    ['DLTD', { word: 'DLTD' }],
    ['CHAL SM1.00', { word: 'CHAL', challenge: 'SM1.00' }],
    ['ERR NoMessage', { word: 'ERR', error: 'NoMessage' }],
    [`WORK 20 ${ID}`, { word: 'WORK', bits: 20, token: ID }],
    ['WRKD', { word: 'WRKD' }],
  ];
  test.each(answered)('%s', (text, line) => {
    expect(server(text)).toEqual(line);
    expect(formatServerLine(line)).toBe(`${text}\n`);
  });
});

// spec: smallmail 2.1
test('readers ignore the case of words and of mailbox names, writers use upper case', () => {
  expect(client(`list ${FPR.toLowerCase()}`)).toEqual({ word: 'LIST', mailbox: FPR });
  expect(client('Quit')).toEqual({ word: 'QUIT' });
});

// spec: smallmail 2.8
describe('bad lines and the word that answers them', () => {
  const bad: [string, string][] = [
    ['', 'BadCommand'],
    ['HELO x', 'BadCommand'],
    ['PROOF x y', 'BadCommand'],
    ['constructor', 'BadCommand'],
    ['__proto__', 'BadCommand'],
    ['CRID', 'BadParam'],
    ['CRID 01', 'BadParam'],
    ['CRID -1', 'BadParam'],
    ['CRID 1e3', 'BadParam'],
    ['CRID 9999999999999999', 'BadParam'],
    ['CRID  5', 'BadParam'],
    ['CRID 5 ', 'BadParam'],
    ['CRID 5 6', 'BadParam'],
    [`LIST ${FPR.slice(1)}`, 'BadParam'],
    [`LIST 0x${FPR}`, 'BadParam'],
    [`RECV ${FPR} a/b`, 'BadParam'],
    [`RECV ${FPR} ${'a'.repeat(65)}`, 'BadParam'],
    [`RPRT ${FPR} ${ID} 0 end`, 'BadParam'],
    [`WORK ${ID}`, 'BadParam'],
    ['QUIT now', 'BadParam'],
    ['LIST\t', 'ProtocolError'],
    ['QUIT\0', 'ProtocolError'],
    ['QUÏT', 'ProtocolError'],
  ];
  test.each(bad)('%j: %s', (text, code) => {
    expect(() => client(text)).toThrow(WireError);
    expect(() => client(text)).toThrow(expect.objectContaining({ code }));
  });
});

const mailbox = fc
  .constantFrom(40, 64)
  .chain((length) => fc.string({ unit: fc.constantFrom(...'0123456789ABCDEF'), minLength: length, maxLength: length }));
const number = fc.integer({ min: 0, max: 999_999_999_999_999 });
const id = fc.string({ unit: fc.constantFrom(...'abcXYZ019-_'), minLength: 1, maxLength: 64 });
const token = fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 32, maxLength: 32 });
const challenge = fc.string({
  unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)),
  minLength: 1,
  maxLength: 512,
});

const clientLines: fc.Arbitrary<ClientLine> = fc.oneof(
  fc.record({ word: fc.constantFrom('CRID', 'BODY', 'RESP'), size: number }),
  fc.record({ word: fc.constant('SEND'), mailbox, size: number }),
  fc.record({ word: fc.constant('LIST'), mailbox }),
  fc.record({ word: fc.constantFrom('RECV', 'DELE'), mailbox, id }),
  fc.record({
    word: fc.constant('RPRT'),
    mailbox,
    id,
    offset: number,
    length: fc.oneof(number, fc.constant('END' as const)),
  }),
  fc.record({ word: fc.constant('PROOF'), token, nonce: fc.stringMatching(/^[A-Za-z0-9]{1,64}$/) }),
  fc.record({ word: fc.constantFrom('WORK', 'QUIT') }),
) as fc.Arbitrary<ClientLine>;

const serverLines: fc.Arbitrary<ServerLine> = fc.oneof(
  fc.record({ word: fc.constant('IDCR'), mailbox }),
  fc.record({ word: fc.constantFrom('REJECT', 'ACCEPT', 'RCVD', 'LSTD', 'DLTD', 'WRKD') }),
  fc.record({ word: fc.constant('MSG'), id, size: number }),
  fc.record({ word: fc.constant('BODY'), size: number }),
  fc.record({ word: fc.constant('PART'), offset: number, size: number }),
  fc.record({ word: fc.constant('CHAL'), challenge }),
  fc.record({ word: fc.constant('WORK'), bits: fc.integer({ min: 0, max: 99 }), token }),
) as fc.Arbitrary<ServerLine>;

test('every line that can be written reads back as itself, and fits in a line', () => {
  fc.assert(
    fc.property(clientLines, (line) => {
      const written = formatClientLine(line);
      expect(written.length).toBeLessThanOrEqual(LINE_LIMIT);
      expect(client(written.slice(0, -1))).toEqual(line);
    }),
  );
  fc.assert(
    fc.property(serverLines, (line) => {
      expect(server(formatServerLine(line).slice(0, -1))).toEqual(line);
    }),
  );
});

test('random octets raise only WireError', () => {
  const surviving = (parse: (octets: Uint8Array) => unknown) => (octets: Uint8Array) => {
    try {
      parse(octets);
    } catch (error) {
      expect(error).toBeInstanceOf(WireError);
    }
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 2000 }), surviving(parseClientLine)));
  fc.assert(fc.property(fc.uint8Array({ maxLength: 2000 }), surviving(parseServerLine)));
});

test('a value that the grammar does not allow is never written', () => {
  expect(() => formatClientLine({ word: 'LIST', mailbox: `${FPR}\nDELE` })).toThrow(WireError);
  expect(() => formatServerLine({ word: 'CHAL', challenge: 'two words' })).toThrow(WireError);
});
