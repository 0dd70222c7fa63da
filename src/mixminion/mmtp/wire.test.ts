// MMTP in octets: every piece of the recorded sessions read and written again, and the refusals.

import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mmtpVectors, type Piece, packetOf } from '../../../test/support/mmtp.ts';
import { base64, hex } from '../../../test/support/vectors.ts';
import { keystream } from '../../crypto/aes-ctr.ts';
import { sha1 } from '../../crypto/hash.ts';
import { MmtpError } from './errors.ts';
import * as wire from './wire.ts';

const bodies = new Map(
  mmtpVectors.packet_streams.map((_, index) => [sha256(packetOf(index)), packetOf(index)] as const),
);

// spec: mixminion-mmtp 2, 3
describe('mmtp.json', () => {
  test('the hashes of packet 0', () => {
    const { packet_stream, ...hashes } = mmtpVectors.hashes;
    const body = keystream(hex(packet_stream), wire.BODY_LENGTH);
    for (const [word, digest] of Object.entries(hashes))
      expect(sha1(body, Buffer.from(word)).toString('hex')).toBe(digest);
    const send = { kind: 'SEND', body } as const;
    const junk = { kind: 'JUNK', body } as const;
    expect(wire.writeUnit(send).subarray(-20)).toEqual(hex(hashes.SEND));
    expect(wire.writeUnit(junk).subarray(-20)).toEqual(hex(hashes.JUNK));
    expect(wire.writeAnswer('RECEIVED', send).subarray(-20)).toEqual(hex(hashes.RECEIVED));
    expect(wire.writeAnswer('REJECTED', send).subarray(-20)).toEqual(hex(hashes.REJECTED));
    expect(wire.writeAnswer('RECEIVED', junk).subarray(-20)).toEqual(hex(hashes['RECEIVED JUNK']));
  });

  for (const { name, direction_log } of mmtpVectors.transcripts)
    test(`every piece of "${name}"`, () => {
      // Of the junk only a digest was recorded: neither its unit nor the answer to it can be made again.
      const sent: (wire.Unit | undefined)[] = [];
      for (const { from, data } of direction_log) {
        const pieces = data.pieces.map((piece) =>
          from === 'server' && sent.length > 0 ? answerOf(piece, sent.shift()) : pieceOf(piece, sent),
        );
        if (pieces.includes(undefined)) continue;
        const octets = Buffer.concat(pieces.filter((piece) => piece !== undefined));
        expect(octets.length).toBe(data.len);
        expect(sha256(octets)).toBe(data.sha256);
        if (data.bytes_b64) expect(octets).toEqual(base64(data.bytes_b64));
      }
    });
});

/** A line of versions or a unit, read and written; what was sent is noted. Undefined for junk. */
function pieceOf([word, , digest = '', hash]: Piece, sent: (wire.Unit | undefined)[]): Buffer | undefined {
  if (word.startsWith('MMTP')) {
    const line = Buffer.from(`${word}\r\n`);
    expect(wire.writeVersions(wire.readVersions(line))).toEqual(line);
    return line;
  }
  const body = bodies.get(digest);
  const unit = body && { kind: 'SEND' as const, body };
  sent.push(unit);
  expect(word).toBe(unit ? 'SEND' : 'JUNK');
  if (unit === undefined) return undefined;
  const octets = wire.writeUnit(unit);
  expect(octets.subarray(-20).toString('hex')).toBe(hash);
  expect(wire.readUnit(octets)).toEqual(unit);
  return octets;
}

function answerOf([word, hash]: Piece, unit: wire.Unit | undefined): Buffer | undefined {
  if (unit === undefined) return undefined;
  const answer = wire.writeAnswer(word === 'REJECTED' ? 'REJECTED' : 'RECEIVED', unit);
  expect(answer.subarray(10).toString('hex')).toBe(hash);
  expect(wire.readAnswer(answer, wire.expectedAnswers(unit))).toBe(word);
  return answer;
}

test('a unit and its answers survive the wire', () => {
  const units = fc.record({
    kind: fc.constantFrom('SEND' as const, 'JUNK' as const),
    body: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((key) => keystream(key, wire.BODY_LENGTH)),
  });
  fc.assert(
    fc.property(units, fc.nat(wire.UNIT_LENGTH - 1), fc.nat(wire.ANSWER_LENGTH - 1), (unit, at, answerAt) => {
      const octets = wire.writeUnit(unit);
      expect(octets.length).toBe(wire.UNIT_LENGTH);
      expect(wire.readUnit(octets)).toEqual(unit);
      expect(() => wire.readUnit(flip(octets, at))).toThrow(MmtpError);
      const expected = wire.expectedAnswers(unit);
      const answer = wire.writeAnswer('RECEIVED', unit);
      expect(wire.readAnswer(answer, expected)).toBe('RECEIVED');
      expect(() => wire.readAnswer(flip(answer, answerAt), expected)).toThrow(MmtpError);
    }),
    { numRuns: 30 },
  );
});

test('padding cannot be rejected', () => {
  const junk = { kind: 'JUNK', body: Buffer.alloc(wire.BODY_LENGTH) } as const;
  expect(() => wire.readAnswer(wire.writeAnswer('REJECTED', junk), wire.expectedAnswers(junk))).toThrow(MmtpError);
});

test.each([
  'MMTP 0.3',
  'MMTP 0.3\n',
  'MMTP 0.3, 0.4\r\n',
  'MMTP \r\n',
  'MMTP  0.3\r\n',
  'mmtp 0.3\r\n',
  'MMTP 0.3\r\nS',
  `MMTP ${'0.3,'.repeat(1024)}0.3\r\n`,
])('line of versions %#: refused', (line) => {
  expect(() => wire.readVersions(Buffer.from(line))).toThrow(MmtpError);
});

test('random octets raise MmtpError only', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (octets) => {
      const junk = Buffer.alloc(wire.BODY_LENGTH);
      for (const read of [
        () => wire.readVersions(octets),
        () => wire.readUnit(Buffer.from(octets)),
        () => wire.readAnswer(octets, { received: junk, rejected: undefined }),
      ]) {
        try {
          read();
        } catch (error) {
          expect(error).toBeInstanceOf(MmtpError);
        }
      }
    }),
  );
});

test('a body of another length is a mistake of the caller', () => {
  expect(() => wire.writeUnit({ kind: 'SEND', body: Buffer.alloc(5) })).toThrow(RangeError);
});

function flip(octets: Buffer, at: number): Buffer {
  const changed = Buffer.from(octets);
  changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
  return changed;
}

function sha256(octets: Uint8Array): string {
  return createHash('sha256').update(octets).digest('hex');
}
