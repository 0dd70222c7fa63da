import { expect, test } from 'vitest';
import { randomInt, shuffle, systemRandom } from './random.ts';
import { formatDuration, formatSize, nearest, parseDuration, parseSize } from './text.ts';
import { DAY, HOUR, MINUTE, SECOND, sleep, startOfDay, VirtualClock } from './time.ts';
import { TokenBucket } from './token-bucket.ts';

test('sizes and durations read as people write them', () => {
  expect(parseSize('10 MiB')).toBe(10 * 1024 * 1024);
  expect(parseSize('4096')).toBe(4096);
  expect(parseSize('1.5KiB')).toBe(1536);
  expect(parseSize('ten')).toBeUndefined();
  expect(parseDuration('90d')).toBe(90 * DAY);
  expect(parseDuration('10 min')).toBe(10 * MINUTE);
  expect(parseDuration('5')).toBeUndefined();
  expect(formatSize(10 * 1024 * 1024)).toBe('10 MiB');
  expect(formatSize(1536)).toBe('1.5 KiB');
  expect(formatDuration(2 * HOUR)).toBe('2 h');
});

test('a mistyped word finds its neighbour, a strange one finds none', () => {
  expect(nearest('lisen', ['listen', 'limits', 'log'])).toBe('listen');
  expect(nearest('nmae', ['name', 'port'])).toBe('name');
  expect(nearest('frobnicate', ['listen', 'limits', 'log'])).toBeUndefined();
});

test('a virtual clock fires timers in order and only when turned', async () => {
  const clock = new VirtualClock();
  const seen: string[] = [];
  void sleep(clock, 2 * SECOND).then(() => seen.push('late'));
  void sleep(clock, SECOND).then(() => seen.push('early'));
  await clock.advance(999);
  expect(seen).toEqual([]);
  await clock.advance(DAY);
  expect(seen).toEqual(['early', 'late']);
  expect(clock.waiting).toBe(0);
});

test('sleep ends early when its signal is aborted', async () => {
  const stop = new AbortController();
  const rest = sleep(new VirtualClock(), DAY, stop.signal);
  stop.abort();
  await rest;
});

test('a bucket refills with time and never beyond its size', async () => {
  const clock = new VirtualClock();
  const bucket = new TokenBucket({ count: 2, per: MINUTE }, clock);
  expect([bucket.take(), bucket.take(), bucket.take()]).toEqual([true, true, false]);
  await clock.advance(30 * SECOND);
  expect([bucket.take(), bucket.take()]).toEqual([true, false]);
  await clock.advance(DAY);
  expect([bucket.take(), bucket.take(), bucket.take()]).toEqual([true, true, false]);
});

test('draws below a bound stay below it, and a shuffle loses nothing', () => {
  for (let i = 0; i < 200; i += 1) expect(randomInt(systemRandom, 7)).toBeLessThan(7);
  expect(shuffle(systemRandom, [1, 2, 3, 4, 5]).sort()).toEqual([1, 2, 3, 4, 5]);
  expect(() => randomInt(systemRandom, 0)).toThrow(RangeError);
});

test('the start of a day is midnight UTC', () => {
  expect(startOfDay(Date.UTC(2026, 4, 5, 13, 7))).toBe(Date.UTC(2026, 4, 5));
});
