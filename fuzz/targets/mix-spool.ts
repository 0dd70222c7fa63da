// A record of a remailer's spool, as it lies on the disk: behind a checksum that a crash cannot forge, and a fuzzer can.

import { crc32 } from 'node:zlib';
import { RECORD_HEADER, readRecord, recordLength, writeRecord } from '../../src/mixminion/node/spool/record.ts';
import { PACKET_LENGTH } from '../../src/mixminion/packet/layout.ts';
import type { FuzzTarget } from '../harness.ts';

/** The input with a length and a checksum that fit, unless its first octet is odd. */
function sealed(input: Buffer): Buffer {
  const record = Buffer.concat([input, Buffer.alloc(Math.max(0, RECORD_HEADER - input.length))]);
  if (((input[0] ?? 0) & 1) === 1) return record;
  record.writeUInt32BE(record.length - RECORD_HEADER, 0);
  record.writeUInt32BE(crc32(record.subarray(8)), 4);
  return record;
}

export const target: FuzzTarget = {
  about: 'a record of the spool in which a remailer keeps its packets',

  seeds() {
    const burnt = { keyId: Buffer.alloc(20, 1), replayHash: Buffer.alloc(20, 2) };
    const octets = Buffer.alloc(40, 3);
    const relay = { kind: 'relay', form: 'host', host: 'a.example', port: 48099, next: Buffer.alloc(20, 4) } as const;
    const deliver = {
      kind: 'deliver',
      routingType: 0x101,
      routingInfo: Buffer.alloc(25, 5),
      applicationKey: Buffer.alloc(16, 6),
    } as const;
    return [
      writeRecord({ type: 'arrived', number: 1, octets: Buffer.alloc(PACKET_LENGTH) }),
      writeRecord({ type: 'held', number: 2, queued: 0, ...burnt, to: relay, octets }),
      writeRecord({ type: 'held', number: 3, queued: 9, ...burnt, to: deliver, octets }),
      writeRecord({ type: 'left', queued: 7, numbers: [1, 2, 3] }),
      writeRecord({ type: 'gone', numbers: [4] }),
      writeRecord({ type: 'spent', number: 5, ...burnt }),
    ].map((parts) => Buffer.concat(parts));
  },

  run(input) {
    const octets = sealed(input);
    const record = readRecord(octets);
    if (record === undefined) return;
    if (recordLength(octets) !== octets.length) throw new Error('a record of another length');
    const again = readRecord(Buffer.concat(writeRecord(record)));
    if (JSON.stringify(again) !== JSON.stringify(record)) throw new Error('a record changed');
  },
};
