// The operator's limit on bandwidth, and that it can change while packets wait for it.

import { expect, test } from 'vitest';
import { SECOND, VirtualClock } from '../../base/time.ts';
import { BandwidthLimit } from './bandwidth.ts';
import { settings } from './settings.ts';

test('so many octets a second, five seconds of them at once; another limit at once, and none', async () => {
  const clock = new VirtualClock();
  const limit = new BandwidthLimit(clock, 1000);
  const passed: number[] = [];
  const go = (octets: number) => void limit.pass(octets).then(() => passed.push(octets));
  for (const octets of [5000, 1000, 1001]) go(octets);
  await clock.advance(0);
  expect(passed).toEqual([5000]);
  await clock.advance(SECOND);
  expect(passed).toEqual([5000, 1000]);
  limit.use(2000);
  await clock.advance(0);
  expect(passed).toEqual([5000, 1000, 1001]); // who waited goes
  for (const octets of [10_000, 2000]) go(octets);
  limit.use(2000); // the same again changes nothing
  await clock.advance(SECOND - 1);
  expect(passed.slice(3)).toEqual([10_000]);
  limit.use(0);
  go(1_000_000_000);
  await clock.advance(0);
  expect(passed.slice(3).sort()).toEqual([10_000, 1_000_000_000, 2000].sort());
});

test('who waits goes when the remailer closes', async () => {
  const limit = new BandwidthLimit(new VirtualClock(), 1000);
  await limit.pass(5000);
  const waiting = limit.pass(5000);
  limit.stop();
  await waiting;
});

test('less than a packet a second is no bandwidth', () => {
  expect(settings.parse({}).max_bandwidth).toBe(0);
  expect(settings.parse({ max_bandwidth: '1 MiB' }).max_bandwidth).toBe(1024 * 1024);
  expect(settings.safeParse({ max_bandwidth: '16 KiB' }).success).toBe(false);
});
