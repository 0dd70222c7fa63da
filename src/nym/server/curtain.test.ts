import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemRandom } from '../../base/random.ts';
import { DAY, HOUR } from '../../base/time.ts';
import { Curtain } from './curtain.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'postern-curtain-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const TEXT = Buffer.from('From: bob@example.org\n');

// spec: mixminion-nym 6.3
test('what is hidden can be read for two days, after a restart too, and then by nobody', async () => {
  const curtain = await Curtain.open(folder, systemRandom, 0);
  const [one, two] = await Promise.all([curtain.hide(TEXT, 0), curtain.hide(TEXT, 1)]);
  expect(await readdir(folder)).toEqual(['0.key']);
  expect(one.includes(TEXT)).toBe(false);
  expect([curtain.show(one), curtain.show(two)]).toEqual([TEXT, TEXT]);
  const later = await curtain.hide(TEXT, HOUR);
  await curtain.sweep(2 * DAY + HOUR);
  expect([curtain.show(one), curtain.show(later)]).toEqual([undefined, TEXT]);
  expect(await readdir(folder)).toEqual(['1.key']);

  const again = await Curtain.open(folder, systemRandom, 30 * DAY); // it was away for a month
  await again.sweep(30 * DAY + HOUR);
  expect(again.show(later)).toEqual(TEXT);
  await again.sweep(32 * DAY);
  expect(again.show(later)).toBeUndefined();
});

test('what was changed or cut is not shown', async () => {
  const curtain = await Curtain.open(folder, systemRandom, 0);
  const hidden = await curtain.hide(TEXT, 0);
  for (const [at] of hidden.entries()) {
    const changed = Buffer.from(hidden);
    changed[at] = (changed[at] ?? 0) ^ 1;
    expect(curtain.show(changed)).toBeUndefined();
    expect(curtain.show(hidden.subarray(0, at))).toBeUndefined();
  }
});
