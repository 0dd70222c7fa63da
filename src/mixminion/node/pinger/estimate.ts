// What pings say of servers and of chains of two. Pure: pings in, figures out.   spec: mixminion-server 5

import { DAY, HOUR, MINUTE, SECOND, startOfDay } from '../../../base/time.ts';

/** How much each day counts, the oldest first. The last is today, which is not over. */
const DAY_WEIGHTS = [1, 2, 2, 3, 5, 8, 9, 10, 10, 10, 10, 5] as const;
const DAYS = DAY_WEIGHTS.length;

/** A missing ping is late only when most others of its age have come. */
const PATIENCE = 15 * MINUTE;
const SHARE_OF_AGE = 0.8;
/** A chain that brings back less than this share of what its servers would promise is broken. */
const BROKEN_SHARE = 0.3;
const ENOUGH_PINGS = 3;

const ROUNDING: readonly (readonly [below: number, unit: number])[] = [
  [MINUTE, 5 * SECOND],
  [10 * MINUTE, MINUTE],
  [30 * MINUTE, 2 * MINUTE],
  [HOUR, 5 * MINUTE],
  [3 * HOUR, 10 * MINUTE],
  [12 * HOUR, 20 * MINUTE],
  [DAY, 30 * MINUTE],
];

/** Times in ms since 1970 UTC. */
export interface Journey {
  readonly sent: number;
  /** When it came back, if it did. */
  readonly returned?: number | undefined;
}

export interface Reliability {
  /** From 0 to 1 over all days; undefined when nothing can be said yet. */
  readonly overall: number | undefined;
  /** For each of the 12 days, the oldest first. */
  readonly daily: readonly (number | undefined)[];
}

export interface ChainState {
  readonly sent: number;
  readonly received: number;
  /** How many should have come back, by what is known of each server alone. */
  readonly expected: number;
  readonly broken: boolean;
  /** Worth pinging more often: broken, about to be, or hardly known. */
  readonly interesting: boolean;
}

/** The first moment of the days that count at `now`. */
export function windowStart(now: number): number {
  return startOfDay(now) - (DAYS - 1) * DAY;
}

/** Which of the 12 days `time` lies in at `now`, 0 the oldest; undefined when in none. */
export function dayOf(time: number, now: number): number | undefined {
  const day = Math.floor((time - windowStart(now)) / DAY);
  return day >= 0 && day < DAYS ? day : undefined;
}

/** How long the pings that came back took, ascending. */
export function latencies(pings: readonly Journey[]): number[] {
  return pings.flatMap(({ sent, returned }) => (returned === undefined ? [] : [returned - sent])).sort((a, b) => a - b);
}

/** How much a ping counts that is `age` ms old and not back: the share of latencies (ascending) that it has outlived. */
export function missingWeight(age: number, known: readonly number[]): number {
  if (known.length === 0) return 0;
  const limit = SHARE_OF_AGE * (age - PATIENCE);
  let [low, high] = [0, known.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((known[middle] ?? 0) < limit) low = middle + 1;
    else high = middle;
  }
  return low / known.length;
}

/**
 * How likely a server passes a packet on. Each day's received pings and weights are summed, and the days' sums weighted.
 * `known` are the latencies (ascending) that tell how late a missing ping is.
 */
export function reliability(pings: readonly Journey[], known: readonly number[], now: number): Reliability {
  const received = Array<number>(DAYS).fill(0);
  const weights = Array<number>(DAYS).fill(0);
  for (const { sent, returned } of pings) {
    const day = dayOf(sent, now);
    if (day === undefined) continue;
    received[day] = (received[day] ?? 0) + (returned === undefined ? 0 : 1);
    weights[day] = (weights[day] ?? 0) + (returned === undefined ? missingWeight(now - sent, known) : 1);
  }
  const weighted = (sums: readonly number[]) =>
    sums.reduce((sum, value, day) => sum + value * (DAY_WEIGHTS[day] ?? 0), 0);
  return {
    overall: share(weighted(received), weighted(weights)),
    daily: received.map((count, day) => share(count, weights[day] ?? 0)),
  };
}

/** The median, rounded the more coarsely the longer it is; undefined without any. Of an even number, the upper middle one. */
export function typicalLatency(ascending: readonly number[]): number | undefined {
  const median = ascending[ascending.length >>> 1];
  return median === undefined ? undefined : roundLatency(median);
}

export function roundLatency(latency: number): number {
  const unit = ROUNDING.find(([below]) => latency < below)?.[1] ?? HOUR;
  return Math.round(latency / unit) * unit;
}

/** What the pings through a chain of two say, given what is known of its servers. */
export function chainState(
  pings: readonly Journey[],
  [first, second]: readonly [Reliability, Reliability],
  now: number,
): ChainState {
  const counted = pings.filter(({ sent }) => dayOf(sent, now) !== undefined);
  const received = counted.filter(({ returned }) => returned !== undefined).length;
  const expected = counted.reduce((sum, { sent }) => sum + on(first, sent, now) * on(second, sent, now), 0);
  const lacking = received <= BROKEN_SHARE * expected;
  const enough = counted.length >= ENOUGH_PINGS;
  return {
    sent: counted.length,
    received,
    expected,
    broken: enough && lacking,
    interesting: lacking || (!enough && received === 0),
  };
}

/** A server's reliability on the day of `time`; that of all days when the day says nothing. */
function on({ overall, daily }: Reliability, time: number, now: number): number {
  return daily[dayOf(time, now) ?? DAYS] ?? overall ?? 0;
}

function share(part: number, whole: number): number | undefined {
  return whole === 0 ? undefined : part / whole;
}
