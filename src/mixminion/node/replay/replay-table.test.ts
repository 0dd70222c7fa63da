// The table of seen hashes against a plain set, through growth and through crashes that tear what was not synced.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { systemRandom } from '../../../base/random.ts';
import { CounterRandom } from '../../../crypto/aes-ctr.ts';
import { sha1 } from '../../../crypto/hash.ts';
import type { DiskFile } from '../disk/disk.ts';
import { memoryDisk } from '../disk/memory-disk.ts';
import { ReplayLogs } from './replay-logs.ts';
import { ReplayTable } from './replay-table.ts';

const keyId = Buffer.alloc(20, 1);
const hash = (index: number) => sha1(Buffer.from(`packet ${index}`));
const open = (file: DiskFile) => ReplayTable.open(file, keyId, systemRandom);

test('says of each hash whether it was added, however many there are', async () => {
  const table = await open(await memoryDisk().open('log'));
  const COUNT = 20_000;
  for (let i = 0; i < COUNT; i += 1) {
    if (i % 100 === 0) expect(table.has(hash(i))).toBe(false);
    table.add(hash(i));
    if (i % 2000 === 0) await table.sync();
  }
  for (let i = 0; i < COUNT; i += 1) expect(table.has(hash(i))).toBe(true);
  for (let i = COUNT; i < COUNT + 2000; i += 1) expect(table.has(hash(i))).toBe(false);
  expect(table.octets / COUNT).toBeLessThan(64);
  for (let i = 0; i < COUNT; i += 1) table.add(hash(i)); // nothing grows of what is there
  expect(table.octets / COUNT).toBeLessThan(64);
});

test('has all of it when it is opened again', async () => {
  const disk = memoryDisk();
  const table = await open(await disk.open('log'));
  for (let i = 0; i < 3000; i += 1) table.add(hash(i));
  await table.close();
  const again = await open(await disk.open('log'));
  for (let i = 0; i < 3000; i += 1) expect(again.has(hash(i))).toBe(true);
  expect(again.has(hash(3000))).toBe(false);
});

test('is bound to its key', async () => {
  const disk = memoryDisk();
  await open(await disk.open('log'));
  await expect(ReplayTable.open(await disk.open('log'), Buffer.alloc(20, 2), systemRandom)).rejects.toMatchObject({
    code: 'damaged',
  });
});

test('pages are named by nothing that a sender can choose', async () => {
  const files = await Promise.all([memoryDisk().open('a'), memoryDisk().open('b')]);
  for (const file of files) (await open(file)).add(hash(1));
  const pages = await Promise.all(files.map((file) => file.read(4096, 4096)));
  expect(pages[0]?.equals(pages[1] ?? Buffer.alloc(0))).toBe(false);
  expect(pages[0]?.includes(hash(1))).toBe(false);
});

// What is on the disk after a power failure is any mixture of old and new sectors since the last sync.
describe('crashes', () => {
  const SECTOR = 512;

  test('what was synced is there, whatever else was torn', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(255), fc.integer({ min: 1, max: 6 }), async (seed, failures) => {
        const random = new CounterRandom(Buffer.alloc(16, seed));
        const draw = (bound: number) => random.bytes(4).readUInt32BE() % bound;
        let durable: Buffer = Buffer.alloc(0);
        let added = 0;
        let synced = 0;
        for (let failure = 0; failure < failures; failure += 1) {
          const file = await memoryDisk().open('log');
          if (durable.length > 0) file.writeNow(durable, 0);
          const table = await ReplayTable.open(file, keyId, random);
          for (let i = 0; i < synced; i += 1) if (!table.has(hash(i))) throw new Error(`${i} of ${synced} is lost`);
          for (let round = 1 + draw(3); round > 0; round -= 1) {
            for (const until = added + 50 + draw(900); added < until; added += 1) table.add(hash(added));
            for (let i = synced; i < added; i += 97) expect(table.has(hash(i))).toBe(true);
            await table.sync();
            synced = added;
            durable = await file.read(0, file.size);
          }
          for (const until = added + draw(900); added < until; added += 1) table.add(hash(added));
          const volatile = await file.read(0, file.size);
          const torn = Buffer.alloc(volatile.length);
          for (let at = 0; at < torn.length; at += SECTOR) {
            const from = draw(2) === 0 ? durable : volatile;
            torn.set(from.subarray(at, at + SECTOR), at);
          }
          durable = torn.subarray(0, draw(4) === 0 ? Math.max(durable.length, torn.length - draw(6000)) : torn.length);
          added = synced; // the spool adds again what was not durable
        }
      }),
      { numRuns: 30 },
    );
  });
});

describe('the logs of a node', () => {
  const burnt = (index: number, key = keyId) => ({ keyId: key, replayHash: hash(index) });

  test('a hash can be claimed once, settled or not', async () => {
    const disk = memoryDisk();
    const logs = await ReplayLogs.open(disk, systemRandom);
    expect(logs.claim(burnt(1))).toBe('no-key');
    await logs.useKeys([keyId]);
    expect([logs.claim(burnt(1)), logs.claim(burnt(1))]).toEqual(['new', 'replay']);
    logs.settle(burnt(1));
    expect(logs.claim(burnt(1))).toBe('replay');
    await logs.sync();
    disk.crash();
    const again = await ReplayLogs.open(disk, systemRandom);
    expect([again.claim(burnt(1)), again.claim(burnt(2))]).toEqual(['replay', 'new']);
  });

  test('each key has its own, which goes with it', async () => {
    const disk = memoryDisk();
    const other = Buffer.alloc(20, 2);
    const logs = await ReplayLogs.open(disk, systemRandom);
    await logs.useKeys([keyId, other]);
    logs.claim(burnt(1));
    expect(logs.claim(burnt(1, other))).toBe('new');
    expect(await disk.list()).toHaveLength(2);
    await logs.useKeys([other]);
    expect(await disk.list()).toEqual([`replay-${other.toString('hex')}`]);
    expect(logs.claim(burnt(1))).toBe('no-key');
    logs.settle(burnt(1)); // of a packet that was under way
    await logs.close();
  });
});
