// The events of a remailer, added up over a period that is long enough to tell nothing of single packets, and published
// only when the node really worked through it. Pure but for its own counts.   spec: mixminion-server 6

import { HOUR, MINUTE } from '../../base/time.ts';

/** In the order in which they are written. */
export const STATISTICS_EVENTS = [
  'ReceivedPacket',
  'ReceivedConnection',
  'AttemptedConnect',
  'SuccessfulConnect',
  'FailedConnect',
  'AttemptedRelay',
  'SuccessfulRelay',
  'FailedRelay',
  'UnretriableRelay',
  'AttemptedDelivery',
  'SuccessfulDelivery',
  'FailedDelivery',
  'UnretriableDelivery',
] as const;
export type StatisticsEvent = (typeof STATISTICS_EVENTS)[number];

/** The part of a period during which events must have been collected. */
const LEAST_PRESENCE = 0.75;
/** How far from a full hour an end is still taken for it. */
const NEAR_THE_HOUR = 5 * MINUTE;

/** What is kept from one run to the next. Times are in milliseconds. */
export interface PendingStatistics {
  readonly since: number;
  /** How long events were collected, up to now. */
  readonly present: number;
  readonly counts: Readonly<Partial<Record<StatisticsEvent, number>>>;
}

export class Statistics {
  readonly #interval: number;
  #since: number;
  #present: number;
  #counts: Map<StatisticsEvent, number>;
  #watched: number;

  /** Goes on from `pending`, if there is any. */
  constructor(interval: number, now: number, pending?: PendingStatistics) {
    this.#interval = interval;
    this.#since = pending?.since ?? now;
    this.#present = pending?.present ?? 0;
    this.#counts = new Map(STATISTICS_EVENTS.map((event) => [event, pending?.counts[event] ?? 0]));
    this.#watched = now;
  }

  count(event: StatisticsEvent, by = 1): void {
    this.#counts.set(event, (this.#counts.get(event) ?? 0) + by);
  }

  /** What is to be kept, in case this run ends. */
  pending(now: number): PendingStatistics {
    this.#watch(now);
    return { since: this.#since, present: this.#present, counts: Object.fromEntries(this.#counts) };
  }

  /** The counts so far as a block of text, for the operator alone. */
  preview(now: number): string {
    return blockOf(this.#since, now, this.#counts);
  }

  /** The block of a period that is over, and then a new one begins; undefined when it is not, or too little was seen. */
  rotate(now: number): string | undefined {
    this.#watch(now);
    const end = this.#since + this.#interval;
    if (now < nearHour(end, this.#interval) || this.#present < LEAST_PRESENCE * this.#interval) return undefined;
    const block = blockOf(this.#since, now, this.#counts);
    this.#since = nearHour(now, this.#interval);
    this.#present = 0;
    this.#counts = new Map(STATISTICS_EVENTS.map((event) => [event, 0]));
    return block;
  }

  #watch(now: number): void {
    this.#present += Math.max(0, now - this.#watched);
    this.#watched = now;
  }
}

/** `at`, or the full hour that it is near to, where periods are hours. */
function nearHour(at: number, interval: number): number {
  if (interval % HOUR !== 0) return at;
  const past = at % HOUR;
  if (past <= NEAR_THE_HOUR) return at - past;
  return past >= HOUR - NEAR_THE_HOUR ? at + HOUR - past : at;
}

function blockOf(from: number, until: number, counts: ReadonlyMap<StatisticsEvent, number>): string {
  const lines = STATISTICS_EVENTS.map((event) => `  ${event}: ${counts.get(event) ?? 0}\n`);
  return `========== From ${localTime(from)} to ${localTime(until)}:\n${lines.join('')}`;
}

function localTime(at: number): string {
  const date = new Date(at);
  const two = (value: number) => value.toString().padStart(2, '0');
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join('-');
  return `${day} ${[date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':')}`;
}
