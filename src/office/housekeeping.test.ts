import { expect, test } from 'vitest';
import { silentLog } from '../base/log.ts';
import { HOUR, MINUTE, VirtualClock } from '../base/time.ts';
import type { Post } from '../post/post.ts';
import type { Store } from '../store/store.ts';
import { closedPost } from './closed-post.ts';
import { startHousekeeping } from './housekeeping.ts';

/** A post whose store notes when it is swept, and breaks off the second sweep. */
function postThatNotes(clock: VirtualClock, swept: number[], errors: string[]): Post {
  const sweep = async (now: number) => {
    swept.push(now);
    if (swept.length === 2) throw Object.assign(new Error('full'), { code: 'disk-full' });
    return { messages: 1, mailboxes: 0, seen: 0, uploads: 0 };
  };
  const log = { ...silentLog, error: (event: string) => errors.push(event) };
  return { ...closedPost({ sweep } as Partial<Store> as Store), clock, log };
}

test('sweeps again and again, also after a failure, and stops when told', async () => {
  const clock = new VirtualClock();
  const swept: number[] = [];
  const errors: string[] = [];
  const stop = startHousekeeping(postThatNotes(clock, swept, errors), () => 5 * MINUTE);
  await clock.advance(4 * HOUR);
  expect(swept.length).toBeGreaterThanOrEqual(40);
  expect(swept.length).toBeLessThanOrEqual(60);
  expect(errors).toEqual(['sweep.failed']);
  const pauses = swept.slice(1).map((at, index) => at - (swept[index] ?? 0));
  expect(Math.min(...pauses)).toBeGreaterThanOrEqual(4 * MINUTE);
  expect(Math.max(...pauses)).toBeLessThanOrEqual(6 * MINUTE);
  expect(new Set(pauses).size).toBeGreaterThan(10); // never on the minute

  stop();
  const before = swept.length;
  await clock.advance(HOUR);
  expect(swept).toHaveLength(before);
});
