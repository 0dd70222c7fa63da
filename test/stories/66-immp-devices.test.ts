// The draft's second scenario: a storage box tells of its disks. Its alarms are apart from business letters: they never enter the
// inbox, they keep coming while the other domain is away, and each comes once.

import { expect, test } from 'vitest';
import { HOUR, MINUTE, VirtualClock } from '../../src/base/time.ts';
import { openImmpDomains } from '../support/immp-domains.ts';

// spec: immp 1.1, 2.10, 2.4
test('alarms of a storage box reach the people on duty, of whom one works elsewhere', async () => {
  await using stack = new AsyncDisposableStack();
  const clock = new VirtualClock(Date.UTC(2026, 10, 22));
  const [works, home] = await openImmpDomains(stack, ['works.test', 'home.test'], clock);
  for (const name of ['nas', 'alice']) await works.account(name);
  await home.account('bob');
  const box = works.as('nas');
  const alice = works.as('alice');
  const bob = home.as('bob');

  await box.ask('PUBLISH NODE nas/alarms@works.test TITLE "Alarms of the storage box"');
  expect((await alice.ask('SUBSCRIBE TO nas/alarms@works.test')).at(-1)).toBe(
    '280 Subscribed to: Alarms of the storage box',
  );
  expect((await bob.ask('SUBSCRIBE TO nas/alarms@works.test')).at(-1)).toMatch(/^280 /);
  await alice.deliver('alice@works.test', 'A business letter.');

  const alarm = (text: string) =>
    box.data(`PUBLISH TO nas/alarms@works.test TITLE "${text}" LENGTH 5 +IMPORTANT`, 'sda1\n');
  expect(await alarm('Disk failed')).toBe('284 Published to 2 subscribers');
  const alarmsOf = async (who: 'alice' | 'bob') =>
    (await (who === 'alice' ? works : home).index(who, 'push')).map(({ subject }) => subject);
  await expect.poll(() => alarmsOf('alice'), { timeout: 15_000 }).toEqual(['Disk failed']);
  await expect.poll(() => alarmsOf('bob'), { timeout: 15_000 }).toEqual(['Disk failed']);

  // The line to Bob's domain is cut for a night; Alice has no need to wait for him.
  await home.leave();
  for (const text of ['Too hot', 'Rebuilding']) await alarm(text);
  await expect.poll(() => alarmsOf('alice'), { timeout: 15_000 }).toHaveLength(3);
  await clock.advance(20 * MINUTE);
  await home.comeBack();
  for (let waited = 0; waited < 10 && (await alarmsOf('bob')).length < 3; waited += 1) {
    await clock.advance(HOUR);
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  expect((await alarmsOf('bob')).sort()).toEqual(['Disk failed', 'Rebuilding', 'Too hot']);
  expect((await home.index('bob', 'push')).every(({ flags }) => String(flags) === 'important')).toBe(true);
  expect(await home.index('bob')).toEqual([]);
  expect(await works.index('alice')).toHaveLength(1);
});
