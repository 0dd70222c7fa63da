import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Address, DEFAULT_PORT, formatAddress, formatUri, parseAddress, readAddress } from './address.ts';

const FPR = '6A5A7A8A650F0C12961ED8F74278AF1D067C0E57';
const PIN = '2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881';

// spec: smallmail 2.11
describe('an address', () => {
  test.each([
    [`${FPR}@mail.example`, { mailbox: FPR, host: 'mail.example', port: DEFAULT_PORT }],
    [`${FPR.toLowerCase()}@Mail.Example:2000`, { mailbox: FPR, host: 'mail.example', port: 2000 }],
    [`smallmail:${FPR}@abc.onion?pin=${PIN}`, { mailbox: FPR, host: 'abc.onion', port: DEFAULT_PORT, pin: PIN }],
    [` ${FPR}@[::1]:7 `, { mailbox: FPR, host: '::1', port: 7 }],
    [`${PIN}@h`, { mailbox: PIN.toUpperCase(), host: 'h', port: DEFAULT_PORT }],
  ])('%s is read', (text, address) => {
    expect(parseAddress(text)).toEqual(address);
  });

  test.each([
    '',
    FPR,
    `${FPR}@`,
    `${FPR.slice(1)}@host`,
    `${FPR}@host:0`,
    `${FPR}@host:65536`,
    `${FPR}@ho st`,
    `${FPR}@host?pin=${PIN.slice(1)}`,
    `${FPR}@host?key=${PIN}`,
    `mailto:${FPR}@host`,
    `${FPR}@${'a'.repeat(600)}`,
  ])('%j is none', (text) => {
    expect(parseAddress(text)).toBeUndefined();
    expect(() => readAddress(text)).toThrow(expect.objectContaining({ code: 'address' }));
  });

  test('survives being written and read', () => {
    const hex = (digits: number) =>
      fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: digits, maxLength: digits });
    const addresses: fc.Arbitrary<Address> = fc
      .record({
        mailbox: fc.oneof(hex(40), hex(64)).map((digits) => digits.toUpperCase()),
        host: fc.oneof(fc.domain(), fc.ipV4(), fc.constant('2001:db8::1'), fc.constant('localhost')),
        port: fc.integer({ min: 1, max: 65535 }),
        pin: fc.option(hex(64), { nil: undefined }),
      })
      .map(({ pin, host, ...rest }) => ({ ...rest, host: host.toLowerCase(), ...(pin === undefined ? {} : { pin }) }));
    fc.assert(
      fc.property(addresses, (address) => {
        expect(parseAddress(formatAddress(address))).toEqual(address);
        expect(parseAddress(formatUri(address))).toEqual(address);
      }),
    );
  });
});
