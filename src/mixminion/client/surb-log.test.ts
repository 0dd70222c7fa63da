// No reply block is used twice: not by two callers, not after a crash between mark and use, not with a log cut short.
// spec: mixminion-client-api 7

import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  fileSurbLog,
  Mix3BadArgsError,
  Mix3SurbUnusableError,
  memorySurbLog,
  primitives,
  Surb,
  SurbLog,
  type SurbLogStorage,
  VirtualClock,
} from './index.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const now = Date.UTC(2026, 10, 22, 12);

let clock: VirtualClock;
let folder = '';
beforeEach(() => {
  clock = new VirtualClock(now);
  folder = mkdtempSync(join(tmpdir(), 'postern-surbs-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A block that is over `left` ms from now: which servers it passes does not matter here. */
function surb(name: number, left = 7 * DAY): Surb {
  return new Surb({
    useBy: (now + left) / 1000,
    header: Buffer.alloc(2048, name),
    key: Buffer.alloc(16),
    routingType: primitives.RoutingType.SWAP_FWD_HOST,
    routingInfo: Buffer.alloc(30, 'a'),
  });
}

test('the first usable blocks are taken, in their order', async () => {
  const log = new SurbLog(memorySurbLog(), clock);
  const used = surb(1);
  await log.markUsed(used);
  const [good, other, last] = [surb(2), surb(3), surb(4)];
  const hand = [used, surb(5, 59_000), surb(6, 3 * HOUR - 1000), good, good, other, last];
  expect(await log.pickUnused(hand, 2)).toEqual([good, other]);
  expect(await Promise.all([good, other, last].map((each) => log.isUsed(each)))).toEqual([true, true, false]);
  await expect(log.pickUnused(hand, 2)).rejects.toThrow(
    '2 reply blocks are needed and 1 can be used: 4 used, 1 expired, 1 expires soon',
  );
  expect(await log.isUsed(last)).toBe(false); // too few: none is marked
  expect(await log.pickUnused(hand, 0)).toEqual([]);
});

// spec: mixminion-e2e 10
test.each([
  [3 * HOUR, true],
  [3 * HOUR - 1000, false],
  [60_000, false],
  [0, false],
])('with %d ms left: %s', async (left, usable) => {
  const log = new SurbLog(memorySurbLog(), clock);
  const picked = log.pickUnused([surb(1, left)], 1);
  if (usable) expect(await picked).toHaveLength(1);
  else await expect(picked).rejects.toThrow(Mix3SurbUnusableError);
});

test('two callers at one time get different blocks', async () => {
  const log = new SurbLog(fileSurbLog(join(folder, 'log')), clock);
  const hand = [surb(1), surb(2)];
  const picked = (await Promise.all([log.pickUnused(hand, 1), log.pickUnused(hand, 1)])).flat();
  expect(new Set(picked.map(({ digest }) => digest)).size).toBe(2);
  await expect(log.pickUnused(hand, 1)).rejects.toThrow(Mix3SurbUnusableError);
});

test('a crash between mark and use wastes the block, and no second run gets it', async () => {
  const path = join(folder, 'log');
  const [picked] = await new SurbLog(fileSurbLog(path), clock).pickUnused([surb(1), surb(2)], 1);
  // Here the program dies: nothing of it is left but the file.
  const again = new SurbLog(fileSurbLog(path), clock);
  expect(picked && (await again.isUsed(picked))).toBe(true);
  const [second] = await again.pickUnused([surb(1), surb(2)], 1);
  expect(second?.digest).toBe(surb(2).digest);
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test('a crash before the mark is durable hands nothing out', async () => {
  const kept = memorySurbLog();
  const failing: SurbLogStorage = { ...kept, add: () => Promise.reject(new Error('the disk is full')) };
  const log = new SurbLog(failing, clock);
  await expect(log.pickUnused([surb(1)], 1)).rejects.toThrow('the disk is full');
  expect(await new SurbLog(kept, clock).isUsed(surb(1))).toBe(false);
  expect(await log.isUsed(surb(1))).toBe(false); // and the log goes on working
});

test('a line that a crash cut short is no mark, and swallows none that follow', async () => {
  const path = join(folder, 'log');
  await new SurbLog(fileSurbLog(path), clock).markUsed(surb(1));
  const whole = readFileSync(path, 'latin1');
  for (let cut = 0; cut <= whole.length; cut += 9) {
    writeFileSync(path, whole + whole.slice(0, cut).replace(/^./, 'f'));
    const log = new SurbLog(fileSurbLog(path), clock);
    await log.markUsed(surb(2));
    const after = new SurbLog(fileSurbLog(path), clock);
    expect(await Promise.all([surb(1), surb(2), surb(3)].map((each) => after.isUsed(each)))).toEqual([
      true,
      true,
      false,
    ]);
  }
  writeFileSync(path, 'f'.repeat(30)); // not even a first line
  await new SurbLog(fileSurbLog(path), clock).markUsed(surb(1));
  expect(await new SurbLog(fileSurbLog(path), clock).isUsed(surb(1))).toBe(true);
  appendFileSync(path, 'not a mark\n');
  expect(await new SurbLog(fileSurbLog(path), clock).isUsed(surb(1))).toBe(true);
});

test('what a failed write left of a line does not swallow the next mark', async () => {
  const path = join(folder, 'log');
  const log = new SurbLog(fileSurbLog(path), clock);
  await log.markUsed(surb(1));
  const whole = readFileSync(path, 'latin1');
  rmSync(path);
  mkdirSync(path); // nobody can write here
  await expect(log.markUsed(surb(2))).rejects.toThrow(Mix3BadArgsError);
  rmSync(path, { recursive: true });
  writeFileSync(path, `${whole}ffff`);
  await log.markUsed(surb(3));
  const after = new SurbLog(fileSurbLog(path), clock);
  expect(await Promise.all([1, 2, 3].map((name) => after.isUsed(surb(name))))).toEqual([true, false, true]);
});

test.each(['memory', 'file'])(
  'marks are forgotten the day after their blocks are over, not before: %s',
  async (kind) => {
    const path = join(folder, 'log');
    const storage = kind === 'file' ? fileSurbLog(path) : memorySurbLog();
    const log = new SurbLog(storage, clock);
    const short = surb(1, DAY);
    await log.markUsed(short);
    await clock.advance(DAY);
    await log.markUsed(surb(2)); // on the next day, at the very end of the first block's time
    expect(await log.isUsed(short)).toBe(true);
    await clock.advance(DAY);
    await log.markUsed(surb(3));
    expect(await Promise.all([short, surb(2), surb(3)].map((each) => log.isUsed(each)))).toEqual([false, true, true]);
    if (kind === 'file') expect(readFileSync(path, 'latin1').trim().split('\n')).toHaveLength(2);
  },
);
