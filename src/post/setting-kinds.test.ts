import { describe, expect, test } from 'vitest';
import type { z } from 'zod';
import { DAY, HOUR, MINUTE } from '../base/time.ts';
import {
  choiceSetting,
  choicesSetting,
  countSetting,
  durationSetting,
  endpointsSetting,
  flagSetting,
  rateSetting,
  settingMeta,
  sizeSetting,
  textSetting,
} from './setting-kinds.ts';

const about = 'What it is for.';

const kinds: readonly [name: string, kind: z.ZodType, written: unknown, byDefault: unknown][] = [
  ['a size', sizeSetting('10 MiB', about), '10 MiB', 10 * 1024 ** 2],
  ['a duration', durationSetting('90 d', about), '90 d', 90 * DAY],
  ['a rate', rateSetting('60/h', about), '60/h', { count: 60, per: HOUR }],
  ['endpoints', endpointsSetting(['[::1]:80'], about), ['[::1]:80'], [{ host: '::1', port: 80 }]],
  ['a flag', flagSetting(true, about), true, true],
  ['a count', countSetting(3, about), 3, 3],
  ['a text', textSetting('', about), '', ''],
  ['a choice', choiceSetting(['red', 'blue'], 'blue', about), 'blue', 'blue'],
  ['choices', choicesSetting(['red', 'blue'], ['blue'], about), ['blue'], ['blue']],
];

test.each(kinds)('%s keeps its default as written and gives it as a value', (_name, kind, written, byDefault) => {
  expect(settingMeta(kind)).toEqual({ about, written });
  expect(kind.parse(undefined)).toEqual(byDefault);
  expect(kind.parse(written)).toEqual(byDefault);
});

describe('what is refused, and the help that it gets', () => {
  const refusals: readonly [kind: z.ZodType, given: unknown, help: RegExp][] = [
    [sizeSetting('1 B', about), '10 MB', /"10 MiB"/],
    [sizeSetting('1 B', about), 10, /"10 MiB"/],
    [durationSetting('1 s', about), '90', /"90 d"/],
    [rateSetting('1/s', about), '60', /"60\/h"/],
    [rateSetting('1/s', about), '60/0 s', /"60\/h"/],
    [endpointsSetting([], about), ['nowhere'], /with ports/],
    [endpointsSetting([], about), '127.0.0.1:80', /a list/],
    [endpointsSetting([], about), ['a:1', 'a:1'], /twice/],
    [flagSetting(true, about), 'yes', /true or false/],
    [countSetting(1, about, { min: 1, max: 9 }), 0, /from 1 to 9/],
    [countSetting(1, about), 1.5, /whole number, 0 or more/],
    [textSetting('', about), 7, /quotation marks/],
    [choiceSetting(['red', 'blue'], 'red', about), 'green', /"red", "blue"/],
    [choicesSetting(['red', 'blue'], [], about), ['green'], /"red", "blue"/],
  ];

  test.each(refusals)('%#: %o', (kind, given, help) => {
    expect(kind.safeParse(given).error?.issues[0]?.message).toMatch(help);
  });
});

test('a rate may name more than one unit of time', () => {
  expect(rateSetting('1/s', about).parse('30/10 min')).toEqual({ count: 30, per: 10 * MINUTE });
  expect(rateSetting('1/s', about).parse('0/h')).toEqual({ count: 0, per: HOUR });
});

test('port 0 may stand there twice', () => {
  expect(endpointsSetting([], about).parse(['127.0.0.1:0', '127.0.0.1:0'])).toHaveLength(2);
});
