// The days of packet keys, for any lifetimes and any times at which somebody looks.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DAY, HOUR, MINUTE, startOfDay } from '../../../base/time.ts';
import { isDead, isLive, nextChange, type Term, termsToMake } from './key-schedule.ts';

const usual = { lifetime: 30 * DAY, overlap: 24 * HOUR };
const now = Date.UTC(2026, 10, 22, 6, 2);
const today = startOfDay(now);

// spec: mixminion-server 3
describe('keys follow each other', () => {
  test('the first begins at the midnight before, and is enough for two weeks', () => {
    expect(termsToMake([], now, usual)).toEqual([{ number: 1, validAfter: today, validUntil: today + 30 * DAY }]);
  });

  test('the next is made 14 days and 61 hours before it is needed', () => {
    const first = termsToMake([], now, usual);
    const due = today + 30 * DAY - 14 * DAY - 61 * HOUR;
    expect(termsToMake(first, due, usual)).toEqual([]);
    expect(nextChange(first, now, usual)).toBe(due + 1);
    expect(termsToMake(first, due + 1, usual)).toEqual([
      { number: 2, validAfter: today + 30 * DAY, validUntil: today + 60 * DAY },
    ]);
  });

  test('parts of days are cut off', () => {
    const [first, second] = termsToMake([], now, { ...usual, lifetime: 10 * DAY + 7 * HOUR });
    expect(first?.validUntil).toBe(today + 10 * DAY);
    expect(second?.validUntil).toBe(today + 20 * DAY);
  });

  test('numbers go down to 1, then up', () => {
    const at = (number: number, day: number): Term => ({
      number,
      validAfter: today + day * DAY,
      validUntil: today + (day + 10) * DAY,
    });
    const lifetimes = { ...usual, lifetime: 10 * DAY };
    const numbers = (terms: Term[]) => termsToMake(terms, now, lifetimes).map(({ number }) => number);
    expect(numbers([])).toEqual([1, 2]);
    expect(numbers([at(3, 0)])).toEqual([2]);
    expect(numbers([at(2, -10), at(3, -5)])).toEqual([1, 4]);
  });

  test('a key that begins too late, after a clock that was ahead, gets one before it', () => {
    const late = { number: 1, validAfter: today + 5 * DAY, validUntil: today + 35 * DAY };
    expect(termsToMake([late], now, usual)).toEqual([{ number: 2, validAfter: today, validUntil: today + 5 * DAY }]);
  });
});

test('a key is taken from its first midnight until the overlap behind its last has passed', () => {
  const term = { number: 1, validAfter: today, validUntil: today + 30 * DAY };
  const end = term.validUntil + usual.overlap;
  for (const [at, live, dead] of [
    [today - 1, false, false],
    [today, true, false],
    [end, true, false],
    [end + 1, false, true],
  ] as const) {
    expect(isLive(term, at, usual)).toBe(live);
    expect(isDead(term, at, usual)).toBe(dead);
  }
});

test('whoever only looks when told to always has a live key, those to come in time, no gap and no number twice', () => {
  const lifetimes = fc.record({
    lifetime: fc.integer({ min: DAY, max: 40 * DAY }),
    overlap: fc.integer({ min: 6 * HOUR, max: 72 * HOUR }),
  });
  fc.assert(
    fc.property(lifetimes, fc.integer({ min: 0, max: DAY }), (times, offset) => {
      let at = today + offset;
      let terms: Term[] = [];
      const used = new Map<number, number>();
      for (let turns = 0; turns < 40; turns += 1) {
        terms = terms.filter((term) => !isDead(term, at, times));
        for (const term of termsToMake(terms, at, times)) {
          expect(terms.map(({ number }) => number)).not.toContain(term.number);
          used.set(term.number, (used.get(term.number) ?? 0) + 1);
          terms.push(term);
        }
        terms.sort((a, b) => a.validAfter - b.validAfter);
        expect(terms.some((term) => isLive(term, at, times) && term.validUntil >= at)).toBe(true);
        expect(terms.at(-1)?.validUntil).toBeGreaterThanOrEqual(at + 14 * DAY + 61 * HOUR);
        for (const [place, term] of terms.entries()) {
          expect(term.validUntil % DAY).toBe(0);
          expect(term.validUntil).toBeGreaterThan(term.validAfter);
          if (place > 0) expect(term.validAfter).toBe(terms[place - 1]?.validUntil);
        }
        // Nothing changes a minute before, and something does then.
        const next = nextChange(terms, at, times);
        expect(next).toBeGreaterThan(at);
        const stateAt = (time: number) =>
          JSON.stringify([
            terms.map((term) => [isLive(term, time, times), isDead(term, time, times)]),
            termsToMake(
              terms.filter((term) => !isDead(term, time, times)),
              time,
              times,
            ).length,
          ]);
        if (next - 1 > at) expect(stateAt(Math.max(at, next - MINUTE))).toBe(stateAt(at));
        expect(stateAt(next)).not.toBe(stateAt(next - 1));
        at = next;
      }
    }),
    { numRuns: 40 },
  );
});
