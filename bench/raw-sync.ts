// The raw limit of everything durable: how often this disk syncs the same octets, one write after another.

import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { callsPerSecond } from './harness.ts';

/** Appends of `size` octets, each with an fsync, a second. Over about `ms` milliseconds. */
export async function rawSyncsPerSecond(size: number, ms: number): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'postern-bench-'));
  const file = openSync(join(folder, 'raw'), 'w', 0o600);
  const octets = Buffer.alloc(size, 'x');
  const write = () => {
    writeSync(file, octets);
    fsyncSync(file);
  };
  const rate = callsPerSecond(write, ms);
  closeSync(file);
  await rm(folder, { recursive: true });
  return rate;
}
