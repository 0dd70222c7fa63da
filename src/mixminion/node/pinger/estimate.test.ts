// The pinger's figures against their definitions, worked out by hand.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DAY, HOUR, MINUTE, SECOND } from '../../../base/time.ts';
import { CounterRandom } from '../../../crypto/aes-ctr.ts';
import {
  chainState,
  dayOf,
  latencies,
  missingWeight,
  type Reliability,
  reliability,
  roundLatency,
  typicalLatency,
  windowStart,
} from './estimate.ts';
import { choosePadding, paddingChance } from './padding.ts';
import { nextPing, periodOf, phaseOf } from './schedule.ts';

const TODAY = Date.UTC(2026, 10, 22);
const NOW = TODAY + 13 * HOUR;
/** A ping sent so many days before today, at noon, that took so long, or is missing. */
const ping = (daysAgo: number, latency?: number) => {
  const sent = TODAY - daysAgo * DAY + 12 * HOUR;
  return { sent, returned: latency === undefined ? undefined : sent + latency };
};

// spec: mixminion-server 5
describe('times', () => {
  const seed = Buffer.alloc(20, 1);
  test('a pattern is days long, and twice the interval at least', () => {
    expect(
      [MINUTE, 2 * HOUR, 12 * HOUR, 13 * HOUR, DAY, 2 * DAY, 4 * DAY, 5 * DAY].map((time) => periodOf(time) / DAY),
    ).toEqual([1, 1, 1, 2, 2, 4, 8, 16]);
  });

  test('the phase is the digest of path, interval and secret', () => {
    // SHA-1("A,B@@7200@@" and twenty octets 01) = 26cafec6...: 650837702 mod 7200 = 902
    expect(phaseOf(['A', 'B'], 2 * HOUR, seed)).toBe(902 * SECOND);
    expect(phaseOf(['B', 'A'], 2 * HOUR, seed)).not.toBe(phaseOf(['A', 'B'], 2 * HOUR, seed));
    expect(phaseOf(['A', 'B'], 2 * HOUR, Buffer.alloc(20, 2))).not.toBe(phaseOf(['A', 'B'], 2 * HOUR, seed));
  });

  test('the next ping is one interval behind the last, or begins the next period', () => {
    expect(nextPing(30 * MINUTE, 2 * HOUR, TODAY)).toBe(TODAY + 30 * MINUTE);
    expect(nextPing(30 * MINUTE, 2 * HOUR, TODAY + 30 * MINUTE)).toBe(TODAY + 2.5 * HOUR);
    expect(nextPing(30 * MINUTE, 2 * HOUR, TODAY + 23 * HOUR)).toBe(TODAY + DAY + 30 * MINUTE);
    expect(nextPing(4 * HOUR, 5 * HOUR, TODAY + 19 * HOUR)).toBe(TODAY + DAY + 4 * HOUR); // 24 h is the next period's
  });

  test('whatever the interval: ahead of now, at most one interval and a phase away, as often as it should be', () => {
    const minutes = fc.integer({ min: 1, max: 10_000 });
    fc.assert(
      fc.property(minutes, fc.nat(100_000), fc.nat(20_000 * 24 * 60), (interval, part, now) => {
        const [step, at] = [interval * MINUTE, now * MINUTE];
        const phase = (part * SECOND) % step;
        const next = nextPing(phase, step, at);
        expect(next).toBeGreaterThan(at);
        expect(next - at).toBeLessThanOrEqual(2 * step);
        const period = periodOf(step);
        expect(((next % period) - phase) % step).toBe(0);
      }),
    );
  });
});

// spec: mixminion-server 5
describe('the reliability of a server', () => {
  test('days are those of the calendar, twelve of them', () => {
    expect(windowStart(NOW)).toBe(TODAY - 11 * DAY);
    expect(
      [NOW, TODAY, TODAY - 1, TODAY - 11 * DAY, TODAY - 11 * DAY - 1, TODAY + DAY].map((time) => dayOf(time, NOW)),
    ).toEqual([11, 11, 10, 0, undefined, undefined]);
  });

  test('a missing ping counts as far as others of its age have come', () => {
    const known = [10, 20, 30, 40].map((time) => time * MINUTE);
    const at = (age: number) => missingWeight(age * MINUTE, known);
    expect([0, 15, 27.5, 27.6, 40, 40.1, 65, 65.1, 10_000].map(at)).toEqual([0, 0, 0, 0.25, 0.25, 0.5, 0.75, 1, 1]);
    expect(missingWeight(DAY, [])).toBe(0);
  });

  test('is what came back over what should have, the days weighted', () => {
    const known = [MINUTE];
    // today 1 of 2 (weight 5), yesterday 2 of 2 (10), eleven days ago 0 of 1 (1)
    const pings = [ping(0, MINUTE), ping(0), ping(1, MINUTE), ping(1, MINUTE), ping(11), ping(12, MINUTE)];
    const { overall, daily } = reliability(pings, known, NOW);
    expect(overall).toBeCloseTo((5 * 1 + 10 * 2) / (5 * 2 + 10 * 2 + 1 * 1));
    expect(daily).toEqual([0, ...Array(9).fill(undefined), 1, 0.5]);
    const each = Array.from(
      { length: 12 },
      (_, days) => reliability([ping(days, 1), ping(11 - days)], known, NOW).overall,
    );
    const weights = [1, 2, 2, 3, 5, 8, 9, 10, 10, 10, 10, 5];
    expect(each).toEqual(weights.map((weight, day) => (weights[11 - day] ?? 0) / (weight + (weights[11 - day] ?? 0))));
  });

  test('is unknown without pings, and before a missing one is late', () => {
    expect(reliability([], [MINUTE], NOW)).toEqual({ overall: undefined, daily: Array(12).fill(undefined) });
    expect(reliability([ping(0)], [2 * HOUR], NOW).overall).toBeUndefined();
    expect(reliability([ping(0)], [], NOW).overall).toBeUndefined();
    expect(reliability([ping(0)], [MINUTE], NOW).overall).toBe(0);
  });

  test('lies between none and all', () => {
    const any = fc.record({ days: fc.nat(13), latency: fc.option(fc.nat(DAY), { nil: undefined }) });
    fc.assert(
      fc.property(fc.array(any, { maxLength: 30 }), (given) => {
        const pings = given.map(({ days, latency }) => ping(days, latency));
        const { overall, daily } = reliability(pings, latencies(pings), NOW);
        for (const share of [overall, ...daily]) if (share !== undefined) expect(share >= 0 && share <= 1).toBe(true);
        const back = pings.filter(({ sent, returned }) => returned !== undefined && dayOf(sent, NOW) !== undefined);
        if (back.length > 0) expect(overall).toBeGreaterThan(0);
      }),
    );
  });
});

// spec: mixminion-server 5
test('latency: the median, the more coarsely rounded the longer it is', () => {
  for (const [latency, rounded] of [
    [0, 0],
    [2.4 * SECOND, 0],
    [2.5 * SECOND, 5 * SECOND],
    [58 * SECOND, MINUTE],
    [89 * SECOND, MINUTE],
    [90 * SECOND, 2 * MINUTE],
    [10 * MINUTE, 10 * MINUTE],
    [11 * MINUTE, 12 * MINUTE],
    [33 * MINUTE, 35 * MINUTE],
    [64 * MINUTE, HOUR],
    [3 * HOUR + 11 * MINUTE, 3 * HOUR + 20 * MINUTE],
    [12 * HOUR + 14 * MINUTE, 12 * HOUR],
    [DAY + 30 * MINUTE, 25 * HOUR],
  ] as const)
    expect(roundLatency(latency), String(latency)).toBe(rounded);
  expect(latencies([ping(0, 3000), ping(1), ping(2, 1000)])).toEqual([1000, 3000]);
  expect(typicalLatency([1000, 20_000, 70_000])).toBe(20_000);
  expect(typicalLatency([1000, 20_000])).toBe(20_000);
  expect(typicalLatency([])).toBeUndefined();
});

// spec: mixminion-server 5
describe('a chain of two', () => {
  const servers = (first: number, second: number): [Reliability, Reliability] => [
    { overall: first, daily: Array(12).fill(first) },
    { overall: second, daily: Array(12).fill(second) },
  ];
  const state = (back: number, missing: number, reliabilities = servers(1, 1)) =>
    chainState([...Array(back).fill(ping(1, MINUTE)), ...Array(missing).fill(ping(2))], reliabilities, NOW);

  test('is broken when less than 30 % of what it should bring comes back, of three pings at least', () => {
    expect(state(0, 3)).toEqual({ sent: 3, received: 0, expected: 3, broken: true, interesting: true });
    expect(state(1, 2)).toMatchObject({ broken: false, interesting: false });
    expect(state(3, 7)).toMatchObject({ expected: 10, broken: true }); // 3 <= 0.3 * 10
    expect(state(4, 7)).toMatchObject({ broken: false });
    expect(state(1, 5, servers(0.5, 0.8))).toMatchObject({ broken: false }); // expected 2.4
    expect(state(1, 9, servers(0.5, 0.8))).toMatchObject({ broken: true }); // expected 4
  });

  test('is interesting while little is known of it', () => {
    expect(state(0, 0)).toMatchObject({ sent: 0, broken: false, interesting: true });
    expect(state(0, 2)).toMatchObject({ broken: false, interesting: true });
    expect(state(1, 1)).toMatchObject({ broken: false, interesting: false });
  });

  test('is judged by each day on which it was tried, and by twelve of them', () => {
    const worse: Reliability = { overall: 0.5, daily: [...Array(10).fill(undefined), 0, 1] };
    const [, good] = servers(1, 1);
    const pings = [ping(0), ping(1), ping(2), ping(12)];
    const { sent, expected } = chainState(pings, [worse, good], NOW);
    expect([sent, expected]).toEqual([3, 1 + 0 + 0.5]);
    const unknown: Reliability = { overall: undefined, daily: Array(12).fill(undefined) };
    expect(chainState(pings, [unknown, good], NOW).expected).toBe(0);
  });
});

// spec: mixminion-server 5
test('silent links are padded with the chance that the operator set, busy ones never', () => {
  expect([paddingChance(30 * MINUTE, HOUR), paddingChance(2 * HOUR, HOUR)]).toEqual([0.5, 1]);
  const random = new CounterRandom(Buffer.alloc(16, 5));
  const servers = Array.from({ length: 10_000 }, (_, index) => index);
  const chosen = choosePadding(servers, (server) => server % 2 === 0, 0.3, random);
  expect(chosen.every((server) => server % 2 === 1)).toBe(true);
  expect(Math.abs(chosen.length - 1500)).toBeLessThan(5 * Math.sqrt(5000 * 0.3 * 0.7));
  expect(choosePadding(servers, () => false, 1, random)).toEqual(servers);
  expect(choosePadding(servers, () => false, 0, random)).toEqual([]);
});
