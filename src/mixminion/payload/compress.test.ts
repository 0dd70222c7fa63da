import { deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hex, mixminionVectors } from '../../../test/support/vectors.ts';
import { keystream } from '../../crypto/aes-ctr.ts';
import { sha256 } from '../../crypto/hash.ts';
import { compress, decompress, isOvercompressed, reassembledLimit, singletonLimit } from './compress.ts';
import { OvercompressedError, PayloadError } from './errors.ts';

interface Vectors {
  readonly compress: {
    name: string;
    data: string;
    max: number | null;
    result: string;
    out_len?: number;
    out_sha256?: string;
  }[];
  readonly compress_outputs: { in: string; out: string }[];
  readonly compress_outputs_hash: {
    parts: (['repeat', string, number] | ['stream', string, number])[];
    out_len: number;
    out_sha256: string;
  }[];
}

const vectors = mixminionVectors<Vectors>('payloads');

// spec: mixminion-e2e 3
test('messages compress to the octets of stock zlib', () => {
  for (const { in: message, out } of vectors.compress_outputs) expect(compress(hex(message)).toString('hex')).toBe(out);
  for (const { parts, out_len, out_sha256 } of vectors.compress_outputs_hash) {
    const message = Buffer.concat(
      parts.map(([how, value, count]) =>
        how === 'repeat' ? Buffer.alloc(hex(value).length * count, hex(value)) : keystream(hex(value), count),
      ),
    );
    const compressed = compress(message);
    expect([compressed.length, sha256(compressed).toString('hex')]).toEqual([out_len, out_sha256]);
  }
  expect(compress(Buffer.from('aZbAAcdefg'.repeat(1000))).toString('hex')).toBe(
    '78daedc6411100200800b06cd4f08702f66f600eefb6d772ed88533d37cdccccccccccccccccccccccccccccccccccccbedd03718d0a93',
  );
});

// spec: mixminion-e2e 3
test.each(vectors.compress.map((vector) => [vector.name, vector] as const))(
  'decompression: %s',
  (_, { data, max, result, out_len, out_sha256 }) => {
    const limit = max ?? Number.POSITIVE_INFINITY;
    if (result === 'ok') {
      const message = decompress(hex(data), limit);
      expect([message.length, sha256(message).toString('hex')]).toEqual([out_len, out_sha256]);
    } else {
      const code = result === 'ParseError' ? 'compression' : 'overcompressed';
      expect(() => decompress(hex(data), limit)).toThrow(expect.objectContaining({ code }));
    }
  },
);

// spec: mixminion-e2e 3.1
test('a message that would fill the memory is stopped at its limit, and stays readable', () => {
  const bomb = deflateSync(Buffer.alloc(50 << 20), { level: 9 });
  const limit = singletonLimit(bomb.length);
  const before = process.memoryUsage().arrayBuffers;
  let caught: unknown;
  try {
    decompress(bomb, limit);
  } catch (error) {
    caught = error;
  }
  expect(caught).toBeInstanceOf(OvercompressedError);
  expect(caught).toMatchObject({ limit, compressed: bomb });
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(3 * limit);
});

// spec: mixminion-e2e 3.1
test('limits: twenty times, with a floor for single packets', () => {
  expect([singletonLimit(8), singletonLimit(1024), singletonLimit(1025)]).toEqual([20480, 20480, 20500]);
  expect(reassembledLimit(8)).toBe(160);
  expect([isOvercompressed(20500, 1025), isOvercompressed(20499, 1025), isOvercompressed(99999, 1024)]).toEqual([
    true,
    false,
    false,
  ]);
});

test('any message comes back, cut streams give a beginning of it, and noise raises only PayloadError', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 3000 }), fc.nat(3000), (message, cut) => {
      const compressed = compress(message);
      expect(decompress(compressed, Math.max(1, message.length)).equals(message)).toBe(true);
      const part = compressed.subarray(0, Math.max(6, cut));
      const came = decompress(part, Number.POSITIVE_INFINITY);
      expect(came.equals(message.subarray(0, came.length))).toBe(true);
    }),
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
      for (const stream of [Buffer.from(noise), Buffer.concat([hex('78da'), noise])]) {
        try {
          decompress(stream, 20480);
        } catch (error) {
          if (!(error instanceof PayloadError)) throw error;
        }
      }
    }),
  );
});
