// The mixing strategies against their definitions.   spec: mixminion-server 1.1

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MINUTE } from '../../base/time.ts';
import { CounterRandom } from '../../crypto/aes-ctr.ts';
import { batchSize, chooseBatch, type PoolParameters, poolWeaknesses, STRATEGIES } from './strategy.ts';

const usual: PoolParameters = { strategy: 'dynamic', interval: 30 * MINUTE, minimum: 5, rate: 0.6 };
const random = (seed: number) => new CounterRandom(Buffer.alloc(16, seed));

test.each([
  ['timed', 0, 0],
  ['timed', 7, 7],
  ['dynamic', 5, 0],
  ['dynamic', 6, 1], // the minimum stays
  ['dynamic', 10, 5],
  ['dynamic', 100, 60],
  ['dynamic', 101, 60],
  ['binomial', 5, 0],
  ['binomial', 100, 60],
] as const)('%s: of %i leave %i', (strategy, size, expected) => {
  expect(batchSize(size, { ...usual, strategy })).toBe(expected);
});

test('a rate that rounds to none still lets one go', () => {
  expect(batchSize(6, { ...usual, rate: 0.01 })).toBe(1);
});

test('whatever the parameters: places are of the pool, none twice, and as many as are due', () => {
  const parameters = fc.record({
    strategy: fc.constantFrom(...STRATEGIES),
    interval: fc.constant(MINUTE),
    minimum: fc.nat(20),
    rate: fc.double({ min: 0, max: 1, noNaN: true }),
  });
  fc.assert(
    fc.property(fc.nat(60), parameters, fc.nat(255), (size, pool, seed) => {
      const chosen = chooseBatch(size, pool, random(seed));
      expect(new Set(chosen).size).toBe(chosen.length);
      expect(chosen.every((place) => place >= 0 && place < size)).toBe(true);
      if (pool.strategy !== 'binomial') expect(chosen).toHaveLength(batchSize(size, pool));
      if (pool.strategy === 'dynamic')
        expect(size - chosen.length).toBeGreaterThanOrEqual(Math.min(size, pool.minimum));
    }),
  );
});

describe('distributions, with chance that repeats', () => {
  const ROUNDS = 4000;
  const SIZE = 20;

  /** Sum of (seen - expected)^2 / expected. */
  const chiSquare = (seen: readonly number[], expected: number) =>
    seen.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);

  test.each(['dynamic', 'binomial'] as const)('%s: each place leaves as often as any other', (strategy) => {
    const draw = random(1);
    const left = Array<number>(SIZE).fill(0);
    for (let i = 0; i < ROUNDS; i += 1)
      for (const place of chooseBatch(SIZE, { ...usual, strategy }, draw)) left[place] = (left[place] ?? 0) + 1;
    // 12 of 20 leave. 19 degrees of freedom: 43.8 is exceeded once in a thousand.
    expect(chiSquare(left, ROUNDS * 0.6)).toBeLessThan(43.8);
  });

  test.each(STRATEGIES)('%s: each order is as likely as any other', (strategy) => {
    const draw = random(2);
    const orders = new Map<string, number>();
    let drawn = 0;
    while (drawn < 6 * 1000) {
      const batch = chooseBatch(8, { ...usual, strategy, rate: 3 / 8 }, draw);
      const [a, b, c] = batch;
      if (batch.length < 3 || a === undefined || b === undefined || c === undefined) continue;
      const order = `${a < b} ${b < c} ${a < c}`;
      orders.set(order, (orders.get(order) ?? 0) + 1);
      drawn += 1;
    }
    expect(orders.size).toBe(6);
    expect(chiSquare([...orders.values()], 1000)).toBeLessThan(20.5); // 5 degrees of freedom
  });

  test('binomial: how many leave is binomial', () => {
    const draw = random(3);
    const sizes = Array.from(
      { length: ROUNDS },
      () => chooseBatch(SIZE, { ...usual, strategy: 'binomial' }, draw).length,
    );
    const mean = sizes.reduce((sum, size) => sum + size, 0) / ROUNDS;
    const variance = sizes.reduce((sum, size) => sum + (size - mean) ** 2, 0) / (ROUNDS - 1);
    const deviation = Math.sqrt((SIZE * 0.6 * 0.4) / ROUNDS);
    expect(Math.abs(mean - SIZE * 0.6)).toBeLessThan(4 * deviation);
    expect(variance / (SIZE * 0.6 * 0.4)).toBeGreaterThan(0.9);
    expect(variance / (SIZE * 0.6 * 0.4)).toBeLessThan(1.1);
  });

  test('dynamic: how many leave does not depend on chance', () => {
    const sizes = Array.from({ length: 50 }, (_, seed) => chooseBatch(SIZE, usual, random(seed)).length);
    expect(new Set(sizes)).toEqual(new Set([12]));
  });
});

test('what makes a pool weak is said', () => {
  expect(poolWeaknesses(usual)).toEqual([]);
  expect(poolWeaknesses({ ...usual, strategy: 'timed' })).toHaveLength(1);
  expect(poolWeaknesses({ ...usual, minimum: 4 })).toHaveLength(1);
  expect(poolWeaknesses({ ...usual, interval: 29 * MINUTE })).toHaveLength(1);
  expect(poolWeaknesses({ ...usual, strategy: 'timed', interval: MINUTE, minimum: 0 })).toHaveLength(2);
});
