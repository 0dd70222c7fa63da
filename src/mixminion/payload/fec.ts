// The erasure code of fragmented messages: any k of n blocks give the k original ones back.   spec: mixminion-e2e 6.3
//
// The published generator matrix (a Vandermonde matrix made systematic) says the same as this: at each offset the
// octets of the k data blocks are the values of a polynomial of degree below k over GF(256) at the points 0, 1, α, α²,
// ...; a check block holds its values at further points. So encoding and decoding are one act, interpolation: from
// the values at k points compute those at others. The matrix form is the slow twin in fec.test.ts.

import { PayloadError } from './errors.ts';

const FIELD_POLYNOMIAL = 0x11d;
/** There are no more points in the field. */
const MAX_BLOCKS = 256;
/** Offsets worked on at a time, so that everything the inner loop touches stays in the first-level cache. */
const TILE = 1024;
/** Sums computed in one pass: one octet each of two 32-bit words. */
const ROWS = 8;

export interface Block {
  /** Place in the code, 0 to n - 1; those below k are the data themselves. */
  readonly index: number;
  readonly data: Uint8Array;
}

/** The check blocks `k` to `n - 1` of the `k` data blocks given, all of one length. */
export function checkBlocks(data: readonly Uint8Array[], n: number): Buffer[] {
  return interpolate(
    data.map((block, index) => ({ index, data: block })),
    range(data.length, n),
  );
}

/** The `k` data blocks, from any `k` different blocks of one length. Throws PayloadError when these are not that. */
export function recoverBlocks(blocks: readonly Block[], k: number): Uint8Array[] {
  const found = new Map(blocks.map(({ index, data }) => [index, data]));
  if (blocks.length !== k || found.size !== k) throw new PayloadError('fragments', `not ${k} different blocks`);
  const missing = range(0, k).filter((index) => !found.has(index));
  for (const [place, block] of interpolate(blocks, missing).entries()) found.set(missing[place] ?? 0, block);
  return range(0, k).flatMap((index) => found.get(index) ?? []);
}

/** From blocks that fix the polynomials, the blocks at the places `wanted`. */
function interpolate(blocks: readonly Block[], wanted: readonly number[]): Buffer[] {
  const length = blocks[0]?.data.length ?? 0;
  if (blocks.some(({ data }) => data.length !== length)) throw new PayloadError('fragments', 'blocks differ in length');
  const from = blocks.map(({ index }) => index);
  if ([...from, ...wanted].some((index) => !(Number.isInteger(index) && index >= 0 && index < MAX_BLOCKS)))
    throw new PayloadError('fragments', `a block number is not below ${MAX_BLOCKS}`);
  const data = blocks.map((block) => block.data);
  const factors = wanted.map((index) => lagrangeFactors(from, index));
  const results: Buffer[] = [];
  for (let row = 0; row < factors.length; row += ROWS)
    results.push(...linearCombinations(data, factors.slice(row, row + ROWS), length));
  return results;
}

/** What each of the values at `from` counts for in the value at `to` (Lagrange's formula; minus is plus here). */
function lagrangeFactors(from: readonly number[], to: number): number[] {
  return from.map((here) => {
    let numerator = 1;
    let denominator = 1;
    for (const other of from) {
      if (other === here) continue;
      numerator = multiply(numerator, point(to) ^ point(other));
      denominator = multiply(denominator, point(here) ^ point(other));
    }
    return multiply(numerator, inverse(denominator));
  });
}

/**
 * For each row of at most eight, the sum of factor * block over all blocks. A table look-up multiplies one octet of
 * a block by four factors at once, and blocks are taken by fours: this loop is nearly all the time that coding takes.
 */
function linearCombinations(blocks: readonly Uint8Array[], factors: readonly number[][], length: number): Buffer[] {
  const columns = Math.ceil(blocks.length / 4) * 4; // those beyond the last block have empty tables
  const low = productTables(factors.slice(0, 4), columns);
  const high = productTables(factors.slice(4, 8), columns);
  const tile = new Uint8Array(columns * TILE);
  const lowSum = new Int32Array(TILE);
  const highSum = new Int32Array(TILE);
  const unpacked = new Uint8Array(ROWS * TILE);
  const results = factors.map(() => Buffer.allocUnsafe(length));
  for (let start = 0; start < length; start += TILE) {
    const size = Math.min(TILE, length - start);
    for (const [column, block] of blocks.entries()) tile.set(block.subarray(start, start + size), column * TILE);
    lowSum.fill(0);
    highSum.fill(0);
    for (let column = 0; column < columns; column += 4) {
      const table = column << 8;
      const first = column * TILE;
      for (let i = 0; i < size; i += 1) {
        const a = table | (tile[first + i] as number);
        const b = (table + 256) | (tile[first + TILE + i] as number);
        const c = (table + 512) | (tile[first + 2 * TILE + i] as number);
        const d = (table + 768) | (tile[first + 3 * TILE + i] as number);
        lowSum[i] =
          (lowSum[i] as number) ^ (low[a] as number) ^ (low[b] as number) ^ (low[c] as number) ^ (low[d] as number);
        highSum[i] =
          (highSum[i] as number) ^
          (high[a] as number) ^
          (high[b] as number) ^
          (high[c] as number) ^
          (high[d] as number);
      }
    }
    unpack(lowSum, unpacked, 0);
    unpack(highSum, unpacked, 4 * TILE);
    for (const [row, result] of results.entries()) result.set(unpacked.subarray(row * TILE, row * TILE + size), start);
  }
  return results;
}

/** Spreads the four octets of each sum over four rows of `rows`, from `at` on. */
function unpack(sums: Int32Array, rows: Uint8Array, at: number): void {
  for (let i = 0; i < TILE; i += 1) {
    const sum = sums[i] as number;
    rows[at + i] = sum;
    rows[at + TILE + i] = sum >> 8;
    rows[at + 2 * TILE + i] = sum >> 16;
    rows[at + 3 * TILE + i] = sum >> 24;
  }
}

/** For each column and each octet, its products with the column's factors of up to four rows, packed in one word. */
function productTables(factors: readonly number[][], columns: number): Int32Array {
  const tables = new Int32Array(columns * 256);
  for (let column = 0; column < columns; column += 1) {
    const base = column * 256;
    for (let bit = 1; bit < 256; bit <<= 1) {
      let packed = 0;
      for (const [row, rowFactors] of factors.entries()) packed |= multiply(rowFactors[column] ?? 0, bit) << (8 * row);
      // Products are linear: those of octets with this top bit are those without it, plus those of the bit alone.
      for (let rest = 0; rest < bit; rest += 1) tables[base + bit + rest] = packed ^ (tables[base + rest] as number);
    }
  }
  return tables;
}

const EXP = new Uint8Array(510);
const LOG = new Uint8Array(256);
for (let power = 0, value = 1; power < 255; power += 1) {
  EXP[power] = value;
  EXP[power + 255] = value;
  LOG[value] = power;
  value = value & 0x80 ? (value << 1) ^ FIELD_POLYNOMIAL : value << 1;
}

function multiply(a: number, b: number): number {
  return a === 0 || b === 0 ? 0 : (EXP[(LOG[a] as number) + (LOG[b] as number)] as number);
}

function inverse(a: number): number {
  return EXP[255 - (LOG[a] as number)] as number;
}

/** The field element at which block `index` holds the polynomials' values: 0, 1, α, α², ... */
function point(index: number): number {
  return index === 0 ? 0 : (EXP[index - 1] as number);
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}
