import { expect, test } from 'vitest';
import { Throttle } from './throttle.ts';
import { SECOND, VirtualClock } from './time.ts';

function begin(): {
  clock: VirtualClock;
  throttle: Throttle;
  passed: string[];
  go: (name: string, octets: number) => void;
} {
  const clock = new VirtualClock();
  const throttle = new Throttle({ rate: 100, burst: 300 }, clock);
  const passed: string[] = [];
  const go = (name: string, octets: number) => void throttle.pass(octets).then(() => passed.push(name));
  return { clock, throttle, passed, go };
}

test('lets a burst go at once, then the average, in the order of the calls', async () => {
  const { clock, passed, go } = begin();
  go('a', 300);
  go('b', 100);
  go('c', 50);
  go('d', 1);
  await clock.advance(0);
  expect(passed).toEqual(['a']);
  await clock.advance(SECOND - 1);
  expect(passed).toEqual(['a']);
  await clock.advance(1);
  expect(passed).toEqual(['a', 'b']);
  await clock.advance(SECOND / 2);
  expect(passed).toEqual(['a', 'b', 'c']);
  await clock.advance(10);
  expect(passed).toEqual(['a', 'b', 'c', 'd']);
});

test('silence saves up no more than the burst', async () => {
  const { clock, passed, go } = begin();
  await clock.advance(3600 * SECOND);
  go('a', 301);
  await clock.advance(0);
  expect(passed).toEqual([]);
  await clock.advance(10);
  expect(passed).toEqual(['a']);
});

test('over a long time no more goes than the rate, whatever the sizes', async () => {
  const { clock, passed, go } = begin();
  for (let count = 0; count < 400; count += 1) go('x', 7);
  await clock.advance(20 * SECOND);
  expect(passed.length).toBe(Math.floor((300 + 20 * 100) / 7));
});

test('stopped, it holds nobody', async () => {
  const { clock, throttle, passed, go } = begin();
  go('a', 100_000);
  throttle.stop();
  go('b', 100_000);
  await clock.advance(0);
  expect(passed).toEqual(['a', 'b']);
  expect(clock.waiting).toBe(0);
});
