// When next hops are tried again, against the definition.   spec: mixminion-server 1.2

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { HOUR, MINUTE, SECOND } from '../../../base/time.ts';
import { afterFailure, isGivenUp, nextAttempt, RELAY_WAITS } from './retry.ts';

const total = RELAY_WAITS.reduce((sum, wait) => sum + wait, 0);

test('the usual schedule: hourly for a day, then every seven hours', () => {
  expect([RELAY_WAITS.length, total]).toEqual([42, 540_000 * SECOND]);
});

test('who never failed is tried now', () => {
  expect(nextAttempt(undefined, RELAY_WAITS, 12_345)).toBe(12_345);
});

test.each([
  [0, HOUR],
  [HOUR - 1, HOUR],
  [HOUR, 2 * HOUR], // a failure at the very moment counts for it
  [24 * HOUR, 31 * HOUR],
  [total - 1, total],
  [total, total + 7 * HOUR], // one minute is rounded up to a whole interval
  [total + 7 * HOUR - MINUTE, total + 7 * HOUR],
  [total + 7 * HOUR, total + 14 * HOUR],
])('failing at 0 and last at %i: again at %i', (lastFailure, expected) => {
  expect(nextAttempt({ firstFailure: 0, lastFailure }, RELAY_WAITS, lastFailure)).toBe(expected);
});

test('a schedule that ends in seconds goes on hourly', () => {
  expect(nextAttempt({ firstFailure: 0, lastFailure: 10 * SECOND }, [SECOND, 2 * SECOND], 0)).toBe(3 * SECOND + HOUR);
});

test('for any schedule: the next attempt is later than the last, and no earlier than its step', () => {
  const waits = fc.array(fc.integer({ min: 1, max: 10 * HOUR }), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(waits, fc.nat(1e9), fc.nat(1e9), (schedule, firstFailure, since) => {
      const state = { firstFailure, lastFailure: firstFailure + since };
      const next = nextAttempt(state, schedule, state.lastFailure);
      expect(next).toBeGreaterThan(state.lastFailure);
      // The phase is that of the first failure, however often it failed since.
      expect(
        nextAttempt({ ...state, lastFailure: next - 1 - ((next - 1 - state.lastFailure) % 1) }, schedule, 0),
      ).toBeGreaterThanOrEqual(next);
    }),
  );
});

test('a failure keeps the first one; a packet is given up when all steps are over', () => {
  const state = afterFailure(afterFailure(undefined, 5), 9);
  expect(state).toEqual({ firstFailure: 5, lastFailure: 9 });
  expect([isGivenUp(100, [10, 20], 130), isGivenUp(100, [10, 20], 131)]).toEqual([false, true]);
});
