import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { lockWithin, tryLock } from './process-lock.ts';
import { VirtualClock } from './time.ts';

let path: string;

beforeEach(() => {
  const folder = mkdtempSync(join(tmpdir(), 'postern-lock-'));
  path = join(folder, 'x');
  return () => rmSync(folder, { recursive: true });
});

test('one at a time', () => {
  const first = tryLock(path);
  expect(first).toBeDefined();
  expect(tryLock(path)).toBeUndefined();
  first?.[Symbol.dispose]();
  const second = tryLock(path);
  expect(second).toBeDefined();
  second?.[Symbol.dispose]();
});

test('waits, says so once, and gives up', async () => {
  const clock = new VirtualClock();
  const held = tryLock(path);
  let waits = 0;
  const options = { clock, patience: 1000, onWait: () => (waits += 1) };
  const inVain = lockWithin(path, options);
  await clock.advance(2000);
  expect(await inVain).toBeUndefined();
  const patient = lockWithin(path, options);
  await clock.advance(300);
  held?.[Symbol.dispose]();
  await clock.advance(300);
  const lock = await patient;
  expect(lock).toBeDefined();
  expect(waits).toBe(2);
  lock?.[Symbol.dispose]();
});

test('a process that is killed leaves nothing behind', async () => {
  const code = `const { tryLock } = await import(${JSON.stringify(join(import.meta.dirname, 'process-lock.ts'))});
    globalThis.lock = tryLock(${JSON.stringify(path)}); console.log('held'); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'ignore'] });
  await once(child.stdout, 'data');
  expect(tryLock(path)).toBeUndefined();
  child.kill('SIGKILL');
  await once(child, 'exit');
  const lock = tryLock(path);
  expect(lock).toBeDefined();
  lock?.[Symbol.dispose]();
});
