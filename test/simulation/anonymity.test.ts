// The observer of the anonymity bench: sizes that can be worked out by hand, and an observer who is right as often as he
// believes to be.   spec: mixminion-server 1.1

import { describe, expect, test } from 'vitest';
import { passages } from '../../bench/anonymity/network.ts';
import { effectiveSize, oneOf, onlyOne } from '../../bench/anonymity/suspects.ts';
import { MINUTE } from '../../src/base/time.ts';
import { type PoolParameters, STRATEGIES } from '../../src/mixminion/pool/strategy.ts';
import { chanceOf } from './chance.ts';

const usual: PoolParameters = { strategy: 'timed', interval: 30 * MINUTE, minimum: 5, rate: 0.6 };
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

describe('suspects', () => {
  test('as many as are equally likely', () => {
    expect(effectiveSize(onlyOne(7))).toBe(1);
    const shares = [3, 4, 9, 10].map((message) => ({ suspects: onlyOne(message), share: 1 / 4 }));
    expect(effectiveSize(oneOf(shares))).toBeCloseTo(4);
  });

  test('one of one half, or of two of a quarter each: 1.5 bits', () => {
    const two = oneOf([1, 2].map((message) => ({ suspects: onlyOne(message), share: 1 / 2 })));
    const mixed = oneOf([
      { suspects: two, share: 1 / 2 },
      { suspects: onlyOne(8), share: 1 / 2 },
    ]);
    expect(mixed).toMatchObject({ first: 1, weights: Float64Array.of(0.25, 0.25, 0, 0, 0, 0, 0, 0.5) });
    expect(effectiveSize(mixed)).toBeCloseTo(2 ** 1.5);
  });

  test('what is as good as impossible is left out', () => {
    const shares = [
      { suspects: onlyOne(1), share: 1e-9 },
      { suspects: onlyOne(5), share: 1 - 1e-9 },
    ];
    expect(oneOf(shares).first).toBe(5);
  });
});

describe('one remailer', () => {
  const one = { remailers: 1, hops: 1, load: 100, messages: 4000 };
  const sizes = (pool: PoolParameters) =>
    passages({ ...one, pool, random: chanceOf(1, 'one remailer') }).map(({ hiddenAmong }) => hiddenAmong);

  test('timed: a message is hidden by those of its batch', () => {
    const seen = sizes(usual);
    expect(seen.every((size) => Math.abs(size - Math.round(size)) < 1e-6)).toBe(true);
    expect(mean(seen)).toBeGreaterThan(90);
    expect(mean(seen)).toBeLessThan(110);
  });

  // When as many come as go, of each pool 60 % are new; so the entropy is log2(100) + (bits of a coin of 60 %) / 60 %.
  test.each(['dynamic', 'binomial'] as const)('%s: and by those of the batches before', (strategy) => {
    const coin = -0.6 * Math.log2(0.6) - 0.4 * Math.log2(0.4);
    const expected = 100 * 2 ** (coin / 0.6);
    expect(mean(sizes({ ...usual, strategy })) / expected).toBeGreaterThan(0.95);
    expect(mean(sizes({ ...usual, strategy })) / expected).toBeLessThan(1.05);
  });
});

// Whoever gives the truth a probability p is surprised by -log2(p) bits. If his probabilities are right, that is on average
// what the entropy says.
test.each(STRATEGIES)('%s: over three hops the observer is as right as he believes to be', (strategy) => {
  const seen = passages({
    remailers: 8,
    hops: 3,
    load: 6,
    pool: { ...usual, strategy },
    messages: 4000,
    random: chanceOf(2, strategy),
  });
  const surprise = mean(seen.map(({ suspicion }) => -Math.log2(suspicion)));
  const believed = mean(seen.map(({ hiddenAmong }) => Math.log2(hiddenAmong)));
  expect(Math.abs(surprise - believed)).toBeLessThan(0.12);
});
