import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hex, mixminionVectors } from '../../../test/support/vectors.ts';
import { PayloadError } from './errors.ts';
import { checkBlocks, recoverBlocks } from './fec.ts';

interface FecVector {
  readonly k: number;
  readonly n: number;
  readonly blocks: string[];
  readonly encoded: string[];
  readonly decode_indices: number[];
}

// spec: mixminion-e2e 6.3
test('the code is that of the original program', () => {
  for (const { k, n, blocks, encoded, decode_indices } of mixminionVectors<{ fec: FecVector[] }>('fragments').fec) {
    expect([...blocks.map(hex), ...checkBlocks(blocks.map(hex), n)]).toEqual(encoded.map(hex));
    const kept = decode_indices.map((index) => ({ index, data: hex(encoded[index] ?? '') }));
    expect(recoverBlocks(kept, k).map((block) => Buffer.from(block))).toEqual(blocks.map(hex));
  }
});

// spec: mixminion-e2e 6.3
test('the published check rows are what a single octet in one block comes to', () => {
  for (const [k, n, row, published] of [
    [2, 3, 2, '0302'],
    [4, 6, 5, 'c7a70d6c'],
    [8, 11, 10, '5fcda3405048f69e'],
    [16, 22, 21, 'f17e9fa5d814255a0986c1335c544b39'],
  ] as const) {
    const identity = Array.from({ length: k }, (_, i) => Buffer.alloc(k).fill(1, i, i + 1));
    expect(checkBlocks(identity, n)[row - k]?.toString('hex')).toBe(published);
  }
});

test('textbook matrix arithmetic agrees with the fast code', () => {
  const sizes = fc.constantFrom([2, 3], [3, 5], [4, 6], [8, 11], [16, 22], [5, 17]) as fc.Arbitrary<[number, number]>;
  fc.assert(
    fc.property(sizes, fc.integer({ min: 1, max: 2100 }), fc.infiniteStream(fc.nat(255)), ([k, n], length, octets) => {
      const few = Math.min(length, 40); // the slow way looks at the first and last octets only
      const seed = Array.from(octets.take(k * 8), Number);
      const blocks = Array.from({ length: k }, (_, i) =>
        Buffer.from(Array.from({ length }, (_, offset) => (seed[(i * 8 + offset) % seed.length] ?? 0) ^ (offset * 29))),
      );
      const ends = (block: Uint8Array) => [...block.subarray(0, few), ...block.subarray(-few)];
      expect(checkBlocks(blocks, n).map(ends)).toEqual(product(generator(n, k).slice(k), blocks.map(ends)));
    }),
    { numRuns: 30 },
  );
});

test('any k of the n blocks, in any order, give the data back', () => {
  fc.assert(
    fc.property(
      fc.constantFrom([2, 3], [4, 6], [8, 11], [16, 22]).chain(([k = 2, n = 3]) =>
        fc.tuple(
          fc.constant(n),
          fc.array(fc.uint8Array({ minLength: 7, maxLength: 7 }), { minLength: k, maxLength: k }),
          fc.shuffledSubarray(
            Array.from({ length: n }, (_, i) => i),
            { minLength: k, maxLength: k },
          ),
        ),
      ),
      ([n, data, chosen]) => {
        const all = [...data, ...checkBlocks(data, n)];
        const kept = chosen.map((index) => ({ index, data: all[index] ?? Buffer.alloc(0) }));
        expect(recoverBlocks(kept, data.length).map((block) => [...block])).toEqual(data.map((block) => [...block]));
      },
    ),
  );
});

test('what cannot be solved is refused', () => {
  const data = Buffer.alloc(3);
  expect(() => recoverBlocks([{ index: 0, data }], 2)).toThrow(PayloadError);
  expect(() =>
    recoverBlocks(
      [
        { index: 2, data },
        { index: 2, data },
      ],
      2,
    ),
  ).toThrow(PayloadError);
  expect(() =>
    recoverBlocks(
      [
        { index: 1, data },
        { index: 2, data: Buffer.alloc(4) },
      ],
      2,
    ),
  ).toThrow(PayloadError);
  expect(() =>
    recoverBlocks(
      [
        { index: 1, data },
        { index: 256, data },
      ],
      2,
    ),
  ).toThrow(PayloadError);
});

// The slow twin, word for word what the specification says: polynomials over GF(2), the Vandermonde matrix, its top
// inverted by elimination, and matrix products.

type Matrix = number[][];

function times(a: number, b: number): number {
  let product = 0;
  for (let bit = 7; bit >= 0; bit -= 1) {
    product <<= 1;
    if (product & 0x100) product ^= 0x11d;
    if (b & (1 << bit)) product ^= a;
  }
  return product;
}

function power(base: number, exponent: number): number {
  return exponent === 0 ? 1 : times(base, power(base, exponent - 1));
}

function product(a: Matrix, b: Matrix): Matrix {
  return a.map((row) =>
    (b[0] ?? []).map((_, column) => row.reduce((sum, x, i) => sum ^ times(x, b[i]?.[column] ?? 0), 0)),
  );
}

function inverted(matrix: Matrix): Matrix {
  const size = matrix.length;
  const work = matrix.map((row, i) => [...row, ...Array.from({ length: size }, (_, j) => (i === j ? 1 : 0))]);
  for (let column = 0; column < size; column += 1) {
    const pivot = work.findIndex((row, i) => i >= column && row[column] !== 0);
    const [line = []] = work.splice(pivot, 1);
    const scale = power(line[column] ?? 0, 254);
    const unit = line.map((x) => times(x, scale));
    work.splice(column, 0, unit);
    for (const [i, row] of work.entries()) {
      const factor = row[column] ?? 0;
      if (i !== column) work[i] = row.map((x, j) => x ^ times(factor, unit[j] ?? 0));
    }
  }
  return work.map((row) => row.slice(size));
}

function generator(n: number, k: number): Matrix {
  const vandermonde = Array.from({ length: n }, (_, r) =>
    Array.from({ length: k }, (_, c) => (r === 0 ? Number(c === 0) : power(2, ((r - 1) * c) % 255))),
  );
  return product(vandermonde, inverted(vandermonde.slice(0, k)));
}
