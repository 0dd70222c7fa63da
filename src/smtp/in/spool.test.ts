import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemRandom } from '../../base/random.ts';
import { Spool } from './spool.ts';

const LIMIT = 2 * 1024 * 1024;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'postern-spool-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function* inPieces(octets: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < octets.length; at += size) yield octets.subarray(at, at + size);
}

test('a long message waits in a file that tells nothing, and comes back whole, however often it is read', async () => {
  const spool = await Spool.open(folder, systemRandom);
  const message = Buffer.alloc(1_000_003, 'what only its reader may know\r\n');
  const spooled = await spool.take(inPieces(message, 65_521), LIMIT);
  expect(spooled).toMatchObject({ size: message.length, long: true });
  const [name = ''] = await readdir(folder);
  const kept = await readFile(join(folder, name));
  expect(kept.length).toBeGreaterThan(message.length / 2);
  expect(kept.includes('reader')).toBe(false);
  expect((await spooled?.read())?.equals(message)).toBe(true);
  expect((await spooled?.read())?.equals(message)).toBe(true);
  await spooled?.discard();
  expect(await readdir(folder)).toEqual([]);
});

test('a short one is in memory alone, one that is too long or breaks off is nowhere, and what a crash left is removed', async () => {
  await writeFile(join(folder, 'left'), 'by a crash');
  const spool = await Spool.open(folder, systemRandom);
  const short = await spool.take(inPieces(Buffer.alloc(1000, 'x'), 7), LIMIT);
  expect(await readdir(folder)).toEqual([]);
  expect(await short?.read()).toEqual(Buffer.alloc(1000, 'x'));
  expect(await spool.take(inPieces(Buffer.alloc(LIMIT + 1), 65_536), LIMIT)).toBeUndefined();
  async function* broken() {
    yield* inPieces(Buffer.alloc(LIMIT / 2), 65_536);
    throw new Error('cut');
  }
  await expect(spool.take(broken(), LIMIT)).rejects.toThrow('cut');
  expect(await readdir(folder)).toEqual([]);
});
