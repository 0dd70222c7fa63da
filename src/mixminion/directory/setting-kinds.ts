// The kinds of value that only settings have, beside those of `value-kinds.ts`: intervals, lists of intervals, sizes.
// spec: mixminion-server 8

import { DAY, HOUR, MINUTE, SECOND } from '../../base/time.ts';
import { DirectoryError } from './errors.ts';
import type { Kind } from './value-kinds.ts';

/** Repetitions that one retry schedule may have. */
const MAX_STEPS = 10_000;

const TIME_UNITS: readonly [RegExp, number][] = [
  [/^sec(ond)?s?$/i, SECOND],
  [/^min(ute)?s?$/i, MINUTE],
  [/^hours?$/i, HOUR],
  [/^days?$/i, DAY],
  [/^weeks?$/i, 7 * DAY],
  [/^mon(th)?s?$/i, 30 * DAY],
  [/^years?$/i, 365 * DAY],
];

const SIZE_UNITS: readonly [RegExp, number][] = [
  [/^(b|bytes?|octets?)?$/i, 1],
  [/^kb?$/i, 1024],
  [/^mb?$/i, 1024 * 1024],
];

/** Milliseconds from `NUMBER UNIT`; the blank between the two is required. */
export const interval: Kind<number> = (value) => measure(value, /^(\d+(?:\.\d+)?)\s+([a-z]+)$/i, TIME_UNITS);

/**
 * Octets from `NUMBER[UNIT]`. The old program ignored units that it did not know and read `2 G` as two octets; here
 * that is refused.
 */
export const size: Kind<number> = (value) => Math.floor(measure(value, /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i, SIZE_UNITS));

/** Milliseconds between attempts, from a list of `INTERVAL` and `[every] INTERVAL for INTERVAL`. */
export const intervalList: Kind<number[]> = (value) => {
  const steps: number[] = [];
  for (const item of value.split(',')) {
    const repeated = /^\s*(?:every\s+)?(.*?)\s+for\s+(.*?)\s*$/i.exec(item);
    if (repeated === null) {
      steps.push(interval(item.trim()));
      continue;
    }
    const step = interval(repeated[1] ?? '');
    const times = Math.ceil(interval(repeated[2] ?? '') / step);
    if (!(steps.length + times <= MAX_STEPS)) throw refused(value);
    for (let i = 0; i < times; i += 1) steps.push(step);
  }
  return steps;
};

function measure(value: string, form: RegExp, units: readonly [RegExp, number][]): number {
  const [, figure, word = ''] = form.exec(value.trim()) ?? [];
  const unit = units.find(([pattern]) => pattern.test(word))?.[1];
  const result = figure === undefined || unit === undefined ? Number.NaN : Number(figure) * unit;
  if (!(result <= Number.MAX_SAFE_INTEGER)) throw refused(value);
  return result;
}

function refused(value: string): DirectoryError {
  return new DirectoryError('value', `"${value.slice(0, 40)}" is neither an interval nor a size`);
}
