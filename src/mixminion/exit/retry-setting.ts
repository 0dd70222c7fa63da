// The retry schedules of a server as they stand in its configuration: `every 1 hour for 1 day, 7 hours for 5 days`.
// spec: mixminion-server 1.3

import { z } from 'zod';
import { formatDuration } from '../../base/text.ts';
import { DAY, MINUTE } from '../../base/time.ts';
import type { RetrySchedule } from '../../post/retry.ts';
import type { SettingMeta } from '../../post/setting-kinds.ts';
import { DirectoryError } from '../directory/errors.ts';
import { intervalList } from '../directory/setting-kinds.ts';

/** What is still taken for a sensible schedule; beyond it, a warning. */
const LEAST = { total: DAY, interval: 5 * MINUTE, attempts: 5 };
const MOST = { total: 14 * DAY, attempts: 50 };
const HELP =
  'write intervals such as "7 hours for 6 days", or several with commas between them; the blank before the unit is needed';

/** Milliseconds between one attempt and the next, from `[every] INTERVAL for INTERVAL` and single intervals. */
export function retrySetting(byDefault: string, about: string): z.ZodType<readonly number[]> {
  const meta: SettingMeta = { about, written: byDefault };
  const list = z.string({ error: HELP }).transform((text, context): readonly number[] => {
    const steps = readSteps(text);
    if (steps !== undefined) return steps;
    context.addIssue({ code: 'custom', message: HELP, input: text });
    return z.NEVER;
  });
  return list.prefault(byDefault).meta({ ...meta });
}

/** How old a message is at each further attempt.   spec: mixminion-server 1.3 */
export function retrySchedule(steps: readonly number[]): RetrySchedule {
  let age = 0;
  return { ages: steps.map((step) => (age += step)) };
}

/** What is odd about a schedule on a server that mixes every `mixInterval` ms: a sentence each.   spec: mixminion-server 1.3 */
export function retryWarnings(steps: readonly number[], mixInterval: number): string[] {
  const total = steps.reduce((sum, step) => sum + step, 0);
  const least = Math.min(...steps);
  const findings: readonly (readonly [boolean, string])[] = [
    [total < LEAST.total, `gives up after ${formatDuration(total)}, which is less than a day`],
    [total > MOST.total, `goes on for ${formatDuration(total)}, which is more than two weeks`],
    [least < mixInterval, `has intervals below that of mixing, ${formatDuration(mixInterval)}: they become as long`],
    [least < LEAST.interval, `has intervals below ${formatDuration(LEAST.interval)}`],
    [steps.length < LEAST.attempts, `tries only ${steps.length} times`],
    [steps.length > MOST.attempts, `tries ${steps.length} times`],
  ];
  return findings.filter(([found]) => found).map(([, text]) => text);
}

function readSteps(text: string): number[] | undefined {
  try {
    const steps = intervalList(text);
    return steps.every((step) => step > 0) ? steps : undefined;
  } catch (error) {
    if (error instanceof DirectoryError) return undefined;
    throw error;
  }
}
