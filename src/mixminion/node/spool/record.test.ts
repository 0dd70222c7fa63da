// The records of the spool: written and read back, cut anywhere, changed anywhere.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PACKET_LENGTH } from '../../packet/layout.ts';
import { type Destination, MAX_LIST, readRecord, recordLength, type SpoolRecord, writeRecord } from './record.ts';

const octets = (length: number) =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => Buffer.from(bytes));
const number = fc.nat(2 ** 31).map((value) => value * 2 ** 15 + 7);
const burnt = { keyId: octets(20), replayHash: octets(20) };
const packet = fc.nat(255).map((fill) => Buffer.alloc(PACKET_LENGTH, fill));
const to: fc.Arbitrary<Destination> = fc.oneof(
  fc.record({
    kind: fc.constant('relay' as const),
    form: fc.constantFrom('host' as const, 'ipv4' as const),
    host: fc.stringMatching(/^[a-z0-9.-]{1,80}$/),
    port: fc.nat(0xffff),
    next: octets(20),
  }),
  fc.record({
    kind: fc.constant('deliver' as const),
    routingType: fc.nat(0xffff),
    routingInfo: fc.nat(300).map((length) => Buffer.alloc(length, length)),
    applicationKey: octets(16),
  }),
);
const record: fc.Arbitrary<SpoolRecord> = fc.oneof(
  fc.record({ type: fc.constant('arrived' as const), number, octets: packet }),
  fc.record({ type: fc.constant('held' as const), number, queued: number, ...burnt, to, octets: packet }),
  fc.record({ type: fc.constant('left' as const), queued: number, numbers: fc.array(number) }),
  fc.record({ type: fc.constant('gone' as const), numbers: fc.array(number) }),
  fc.record({ type: fc.constant('spent' as const), number, ...burnt }),
);

test('what is written is read', () => {
  fc.assert(
    fc.property(record, (value) => {
      const written = Buffer.concat(writeRecord(value));
      expect(recordLength(written)).toBe(written.length);
      expect(readRecord(written)).toEqual(value);
    }),
  );
});

test('a record that was cut, grown or changed is none', () => {
  fc.assert(
    fc.property(record, fc.nat(), fc.integer({ min: 1, max: 255 }), (value, where, by) => {
      const written = Buffer.concat(writeRecord(value));
      const at = where % written.length;
      expect(readRecord(written.subarray(0, at))).toBeUndefined();
      expect(readRecord(Buffer.concat([written, Buffer.alloc(1)]))).toBeUndefined();
      const changed = Buffer.from(written);
      changed[at] = (changed[at] ?? 0) ^ by;
      expect(readRecord(changed)).toBeUndefined();
    }),
  );
});

test('random octets are no record, and raise nothing', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const length = recordLength(Buffer.from(bytes));
      expect(length === undefined || length >= 12).toBe(true);
      expect(readRecord(Buffer.from(bytes))).toBeUndefined();
    }),
  );
});

test('a list has its limit', () => {
  const list = { type: 'gone', numbers: Array<number>(MAX_LIST).fill(1) } as const;
  expect(readRecord(Buffer.concat(writeRecord(list)))).toEqual(list);
  expect(() => writeRecord({ ...list, numbers: [...list.numbers, 1] })).toThrow(RangeError);
});
