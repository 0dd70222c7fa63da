import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { DAY, HOUR, MINUTE } from '../../base/time.ts';
import { retryWait } from '../../post/retry.ts';
import { settingMeta } from '../../post/setting-kinds.ts';
import { retrySchedule, retrySetting, retryWarnings } from './retry-setting.ts';
import { advertised, type ExitSettings, exitDangers, exitTables, mailStyle } from './settings.ts';

const schema = z.strictObject(exitTables);
const read = (given: object): ExitSettings => schema.parse(given);

// spec: mixminion-server 8
test('defaults: nothing is delivered, and everything is as it always was', () => {
  const settings = read({});
  expect([settings.smtp.enabled, settings.mbox.enabled, settings.fragmented.enabled]).toEqual([false, false, false]);
  expect(mailStyle(settings.smtp)).toEqual({
    returnAddress: '',
    allowFrom: true,
    fromTag: '[Anon]',
    subject: 'Type III Anonymous Message',
    abuse: '',
    comments: '',
    disclaimer: '',
    maximumSize: 100 * 1024,
  });
  expect(settings.smtp.retry).toEqual(Array(21).fill(7 * HOUR));
  expect(settings.fragmented.maximum_interval).toBe(2 * DAY);
  expect(exitDangers(settings, 'mix', false)).toEqual([]);
  expect(advertised(settings)).toEqual({});
});

// spec: mixminion-server 4.1
test('what would break a mail is refused', () => {
  for (const smtp of [
    { subject: 'a\nBcc: b' },
    { abuse: 'caf\u00e9' },
    { comments: 'a\tb' },
    { from_tag: 'a" <b@c.d>' },
    { from_tag: 'a\\' },
    { message: 'a\rb' },
    { return_address: 'not an address' },
    { return_address: 'a@b.c>\r\nX' },
    { retry: 'every 7 hours' },
    { other: 1 },
  ])
    expect(schema.safeParse({ smtp }).success, JSON.stringify(smtp)).toBe(false);
  for (const fragmented of [{ maximum_size: '28625 B' }, { maximum_size: '9 MiB' }])
    expect(schema.safeParse({ fragmented }).success).toBe(false);
  expect(schema.safeParse({ relay: { host: 'a b' } }).success).toBe(false);
  expect(schema.safeParse({ mbox: { from_tag: '[Other]' } }).success).toBe(false); // always [Anon]
});

// spec: mixminion-server 4.4, 4.6
test('what the descriptor tells of it', () => {
  const smtp = { enabled: true, maximum_size: '33000 B', allow_from: false };
  const settings = read({ smtp, mbox: { enabled: true }, fragmented: { enabled: true, maximum_size: '92500 B' } });
  expect(advertised(settings)).toEqual({
    smtp: { maximumSize: 33, allowFrom: false },
    mbox: { maximumSize: 100, allowFrom: true },
    maximumFragments: 6,
  });
  expect(advertised(read({ smtp: { ...smtp, advertise: false } }))).toEqual({});
});

test('settings that cannot work are named with a remedy', () => {
  const named = (given: object) => exitDangers(read(given), 'mix', false).map(({ setting }) => setting);
  const whole = { enabled: true, return_address: 'a@b.c' };
  expect(named({ smtp: { enabled: true } })).toEqual(['mix.relay.host', 'mix.smtp.return_address']);
  expect(named({ smtp: whole, relay: { host: 'localhost' } })).toEqual([]);
  expect(named({ mbox: { enabled: true } })).toEqual(['mix.mbox.return_address', 'mix.mbox.address_file']);
  expect(named({ mbox: { ...whole, address_file: 'users' } })).toEqual([]);
  expect(named({ fragmented: { enabled: true } })).toEqual(['mix.fragmented.enabled']);
  expect(named({ relay: { host: 'mail.example.org:25', tls: 'none' } })).toEqual(['mix.relay.tls']);
  expect(named({ relay: { host: '127.0.0.1:25', tls: 'none' } })).toEqual([]);
  expect(named({ relay: { user: 'office' } })).toEqual(['mix.relay.password_file']);
});

// spec: mixminion-nym 9
test('the nymserver of the office is enough for fragments, and for an mbox that nobody else has', () => {
  const named = (given: object) => exitDangers(read(given), 'mix', true).map(({ setting }) => setting);
  expect(named({ fragmented: { enabled: true }, mbox: { enabled: true } })).toEqual([]);
  expect(named({ mbox: { enabled: true, address_file: 'users' } })).toEqual(['mix.mbox.return_address']);
  expect(named({ smtp: { enabled: true } })).toEqual(['mix.relay.host', 'mix.smtp.return_address']);
});

// spec: mixminion-server 1.3
describe('retry schedules', () => {
  const parse = (text: string) => retrySetting('1 hour', 'Tries.').safeParse(text).data;
  test('are lists of intervals, single or repeated', () => {
    expect(parse('every 1 hour for 1 day, 7 hours for 5 days')).toEqual([
      ...Array(24).fill(HOUR),
      ...Array(18).fill(7 * HOUR),
    ]);
    expect(parse('10 minutes, 1.5 hours, 1 hour for 90 min')).toEqual([10 * MINUTE, 1.5 * HOUR, HOUR, HOUR]);
    for (const text of [
      '',
      'every 1 hour',
      '7hours for 6 days',
      '10',
      '0 hours',
      'x for y',
      '1 sec for 1 year',
      'every 0 sec for 1 day',
    ])
      expect(parse(text), text).toBeUndefined();
    expect(settingMeta(retrySetting('1 hour', 'Tries.'))).toEqual({ about: 'Tries.', written: '1 hour' });
  });

  test('count from the arrival of a message', () => {
    const schedule = retrySchedule([HOUR, HOUR, DAY]);
    const due = (age: number) => retryWait(schedule, 1, age);
    expect(due(0)).toBe(HOUR);
    expect(due(90 * MINUTE)).toBe(30 * MINUTE); // an attempt that came late does not move the next
    expect(due(2 * HOUR)).toBe(DAY);
    expect(due(2 * HOUR + DAY)).toBeUndefined();
  });

  test('that are odd are told of', () => {
    const odd = (text: string, mixInterval = 30 * MINUTE) => retryWarnings(parse(text) ?? [], mixInterval);
    expect(odd('7 hours for 6 days')).toEqual([]);
    expect(odd('1 hour for 23 hours')).toEqual([expect.stringContaining('less than a day')]);
    expect(odd('12 hours for 15 days')).toEqual([expect.stringContaining('more than two weeks')]);
    expect(odd('7 hours for 6 days', 8 * HOUR)).toEqual([expect.stringContaining('below that of mixing')]);
    expect(odd('4 min, 7 hours for 6 days', MINUTE)).toEqual([expect.stringContaining('below 5 min')]);
    expect(odd('12 hours for 2 days')).toEqual([expect.stringContaining('only 4 times')]);
    expect(odd('1 hour for 51 hours')).toEqual([expect.stringContaining('51 times')]);
  });
});
