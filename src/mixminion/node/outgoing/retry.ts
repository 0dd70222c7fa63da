// When a next hop that could not be reached is tried again, and when a packet for it is given up. Pure.
// spec: mixminion-server 1.2

import { HOUR, MINUTE, SECOND } from '../../../base/time.ts';

/** One for each next hop, not for each packet: packets of different phases would tell which of them belong together. */
export interface HopState {
  /** Of the failures since the last success. */
  readonly firstFailure: number;
  readonly lastFailure: number;
}

/** Waits between attempts in milliseconds. */
export type Waits = readonly number[];

/** `every 1 hour for 1 day, 7 hours for 5 days` */
export const RELAY_WAITS: Waits = [...Array<number>(24).fill(HOUR), ...Array<number>(18).fill(7 * HOUR)];

const SHORTEST_REPETITION = 5 * SECOND;

/** What is known of a hop after an attempt at `now` failed. */
export function afterFailure(state: HopState | undefined, now: number): HopState {
  return { firstFailure: state?.firstFailure ?? now, lastFailure: now };
}

/** When a hop may be tried again; `now` when it did not fail since it last succeeded. */
export function nextAttempt(state: HopState | undefined, waits: Waits, now: number): number {
  if (state === undefined) return now;
  const { firstFailure, lastFailure } = state;
  let at = firstFailure;
  for (const wait of waits) {
    at += wait;
    if (at > lastFailure) return at;
  }
  // The schedule is used up, and the last interval goes on for ever.
  const last = waits.at(-1) ?? 0;
  const interval = last < SHORTEST_REPETITION ? HOUR : last;
  return at + Math.ceil((lastFailure - at + MINUTE) / interval) * interval;
}

/** Whether a packet that waits for its hop since `queued` has waited long enough. */
export function isGivenUp(queued: number, waits: Waits, now: number): boolean {
  return queued + waits.reduce((sum, wait) => sum + wait, 0) < now;
}
