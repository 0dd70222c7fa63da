// When to try again what another server would not take, and when to give up. Pure.

import { DAY, HOUR, MINUTE } from '../base/time.ts';

export type RetrySchedule =
  | {
      /** Waits between attempts, in milliseconds; the last is repeated. */
      readonly waits: readonly number[];
      /** From the first attempt to the last, at most. */
      readonly patience: number;
    }
  | {
      /** How old a job is at each further attempt, in milliseconds since it was accepted, ascending. None left: give up. */
      readonly ages: readonly number[];
    };

/** A quick second try for a peer that restarts, then ever rarer ones for five days, as mail servers do. */
export const MAIL_RETRIES: RetrySchedule = {
  waits: [MINUTE, 5 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR],
  patience: 5 * DAY,
};

/**
 * How long to wait after the attempt numbered `attempts` (1: the first) that ended `age` ms after the job was accepted;
 * undefined when it is time to give up.
 */
export function retryWait(schedule: RetrySchedule, attempts: number, age: number): number | undefined {
  if ('ages' in schedule) {
    const next = schedule.ages.find((due) => due > age);
    return next === undefined ? undefined : next - age;
  }
  const wait = schedule.waits[Math.min(attempts, schedule.waits.length) - 1];
  return wait === undefined || age + wait > schedule.patience ? undefined : wait;
}
