import { expect, test } from 'vitest';
import { openTestPost } from '../../test/support/post.ts';
import { DAY, startOfDay, VirtualClock } from '../base/time.ts';
import { Pins } from './pins.ts';

const [first, second] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];

test('the first key is pinned, another waits for the operator, and each counter has its own', async () => {
  const clock = new VirtualClock(10 * DAY + 5);
  await using post = await openTestPost(clock);
  const pins = new Pins(post, 'cmtp');
  expect(await pins.check('Far.test', first)).toBe('new');
  expect(await pins.check('far.test', first)).toBe('match');
  expect(await pins.check('far.test', second)).toBe('changed');
  expect(await pins.check('far.test', second)).toBe('changed');
  expect(await pins.check('far.test', first)).toBe('match');
  expect(await new Pins(post, 'immp').check('far.test', second)).toBe('new');

  await clock.advance(3 * DAY);
  await pins.check('far.test', first);
  expect(await pins.list()).toEqual([
    {
      domain: 'far.test',
      fingerprint: '01'.repeat(32),
      origin: 'first-use',
      firstSeen: 10 * DAY,
      lastSeen: startOfDay(clock.now()),
      offered: '02'.repeat(32),
    },
  ]);

  expect(await pins.accept('far.test')).toMatchObject({ fingerprint: '02'.repeat(32), origin: 'operator' });
  expect(await pins.accept('far.test')).toBeUndefined();
  expect(await pins.check('far.test', first)).toBe('changed');
  expect(await pins.forget('far.test')).toBe(true);
  expect(await pins.forget('far.test')).toBe(false);
  expect(await pins.check('far.test', first)).toBe('new');
});
