// The spool: what is durable and what is not, segments that are given up, packets that are moved on, tails that were torn.

import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PACKET_LENGTH } from '../../packet/layout.ts';
import type { Disk, DiskFile } from '../disk/disk.ts';
import { fileDisk } from '../disk/file-disk.ts';
import { memoryDisk } from '../disk/memory-disk.ts';
import type { Burnt, Destination } from './record.ts';
import { type Recovered, Spool } from './spool.ts';

const SEGMENT = 100_000; // three packets
const to: Destination = { kind: 'relay', form: 'host', host: 'a.example', port: 48099, next: Buffer.alloc(20, 1) };
const packet = (fill: number) => Buffer.alloc(PACKET_LENGTH, fill);
const burnt = (fill: number): Burnt => ({ keyId: Buffer.alloc(20, 7), replayHash: Buffer.alloc(20, fill) });

async function openSpool(disk: Disk, segmentSize = SEGMENT) {
  const hashes: number[] = [];
  let syncs = 0;
  const { spool, recovered } = await Spool.open(disk, {
    burnt: ({ replayHash }) => hashes.push(replayHash[0] ?? 0),
    async syncReplays() {
      syncs += 1;
    },
    segmentSize,
  });
  return { spool, recovered, hashes, syncs: () => syncs };
}

async function held(spool: Spool, fill: number): Promise<number> {
  const number = await spool.arrived(packet(fill));
  await spool.hold({ number, ...burnt(fill), to, octets: packet(fill) });
  return number;
}

const segmentsOf = async (disk: Disk) => (await disk.list()).filter((name) => name.startsWith('spool-')).length;
const numbersOf = ({ waiting }: Recovered) => waiting.map(({ number }) => number).sort((a, b) => a - b);

test('each step of a packet outlasts a failure', async () => {
  const disk = memoryDisk();
  const first = await openSpool(disk);
  const arrived = await first.spool.arrived(packet(1));
  const pooled = await held(first.spool, 2);
  const leaving = await held(first.spool, 3);
  await first.spool.leave([leaving], 12_345);
  const gone = await held(first.spool, 4);
  await first.spool.finish([gone]);
  const spent = await first.spool.arrived(packet(5));
  await first.spool.spend(spent, burnt(5));
  disk.crash();

  const { spool, recovered, hashes } = await openSpool(disk);
  expect(recovered).toEqual({
    arrived: [arrived],
    waiting: [
      { number: pooled, queued: 0, to },
      { number: leaving, queued: 12_345, to },
    ],
    damaged: 0,
  });
  expect(hashes).toEqual([2, 3, 4, 5]);
  expect(await spool.readArrived(arrived)).toEqual(packet(1));
  expect(await spool.readHeld(pooled)).toMatchObject({ ...burnt(2), octets: packet(2) });
  expect(await spool.arrived(packet(6))).toBeGreaterThan(leaving);
});

test('a packet that has the number of one that is gone is not taken for it', async () => {
  const disk = memoryDisk();
  const first = await openSpool(disk);
  const gone = await held(first.spool, 1);
  await first.spool.finish([gone]);
  disk.crash();
  const second = await openSpool(disk);
  const arrived = await second.spool.arrived(packet(2));
  disk.crash();
  const { spool, recovered } = await openSpool(disk);
  expect(recovered).toMatchObject({ arrived: [arrived], waiting: [] });
  expect(await spool.readArrived(arrived)).toEqual(packet(2));
});

test('what was not waited for may be lost, and nothing else', async () => {
  const disk = memoryDisk();
  const { spool } = await openSpool(disk);
  const kept = await spool.arrived(packet(1));
  void spool.arrived(packet(2)).catch(() => {});
  disk.crash();
  expect((await openSpool(disk)).recovered.arrived).toEqual([kept]);
});

describe('room', () => {
  test('segments go when nothing in them is needed, and the replay logs are synced before', async () => {
    const disk = memoryDisk();
    const { spool, syncs } = await openSpool(disk);
    const numbers = [];
    for (let i = 0; i < 9; i += 1) numbers.push(await held(spool, i));
    expect(await segmentsOf(disk)).toBeGreaterThan(5);
    await spool.finish(numbers);
    expect(syncs()).toBe(0);
    await spool.seal();
    await spool.tidy();
    expect([await segmentsOf(disk), spool.bytes, spool.size, syncs()]).toEqual([1, 0, 0, 1]);
    expect((await openSpool(disk)).recovered).toEqual({ arrived: [], waiting: [], damaged: 0 });
  });

  test('a packet that stays is moved on, and still there after a failure', async () => {
    const disk = memoryDisk();
    const { spool } = await openSpool(disk);
    const stays = await held(spool, 99);
    await spool.leave([stays], 777);
    for (let i = 0; i < 60; i += 1) await spool.finish([await held(spool, i)]);
    const before = await segmentsOf(disk);
    await spool.tidy();
    expect(await segmentsOf(disk)).toBeLessThan(before / 5);
    expect((await spool.readHeld(stays))?.octets).toEqual(packet(99));
    disk.crash();
    const { recovered } = await openSpool(disk);
    expect(recovered.waiting).toEqual([{ number: stays, queued: 777, to }]);
  });

  test('one that goes while it is moved does not come back', async () => {
    const disk = memoryDisk();
    const { spool } = await openSpool(disk);
    const stays = await held(spool, 99);
    for (let i = 0; i < 60; i += 1) await spool.finish([await held(spool, i)]);
    const tidying = spool.tidy();
    for (let turn = 0; turn < 3; turn += 1) await Promise.resolve();
    await spool.finish([stays]);
    await tidying;
    disk.crash();
    expect((await openSpool(disk)).recovered.waiting).toEqual([]);
  });
});

test('on real files, tidied all the time while packets come and go', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'postern-spool-'));
  try {
    const { spool } = await openSpool(fileDisk(folder), 300_000);
    let busy = true;
    const tidying = (async () => {
      while (busy) {
        await spool.seal();
        await spool.tidy();
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    const stay: number[] = [];
    const lane = async (start: number) => {
      for (let i = start; i < 120; i += 4) {
        const number = await held(spool, i);
        if (i % 10 === 0) stay.push(number);
        else await spool.finish([number]);
      }
    };
    await Promise.all([0, 1, 2, 3].map(lane));
    busy = false;
    await tidying;
    for (const number of stay) expect((await spool.readHeld(number))?.number).toBe(number);
    await spool.close();
    const again = await openSpool(fileDisk(folder));
    expect(numbersOf(again.recovered)).toEqual(stay.sort((a, b) => a - b));
    expect((await readdir(folder)).length).toBeLessThan(40);
    await again.spool.close();
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('a tail that was torn anywhere costs what was not durable', async () => {
  const disk = memoryDisk();
  const { spool } = await openSpool(disk, 10 ** 6);
  await held(spool, 1);
  await held(spool, 2);
  await spool.close();
  const [name = ''] = (await disk.list()).filter((file) => file.startsWith('spool-'));
  const whole = await (await disk.open(name)).read(0, 10 ** 6);
  const ends = [8, 32_794, 65_700, 98_486, 131_400].map((end) => Math.min(end, whole.length));
  await fc.assert(
    fc.asyncProperty(fc.nat(whole.length - 1), fc.boolean(), async (cut, garbage) => {
      const torn = memoryDisk();
      const file: DiskFile = await torn.open(name);
      await file.append([whole.subarray(0, cut), ...(garbage ? [Buffer.alloc(40_000, 3)] : [])]);
      const { recovered, spool: opened } = await openSpool(torn);
      const full = ends.filter((end) => end <= cut).length - 1;
      expect(recovered.arrived.length + recovered.waiting.length).toBe(Math.max(0, Math.ceil(full / 2)));
      expect(await opened.arrived(packet(9))).toBeGreaterThan(0); // behind the torn segment, in a new one
      expect((await openSpool(torn)).recovered.arrived.length).toBe(recovered.arrived.length + 1);
    }),
    { numRuns: 40 },
  );
});

test('a packet whose octets have changed on the disk is not given out', async () => {
  const disk = memoryDisk();
  const { spool } = await openSpool(disk);
  const number = await held(spool, 1);
  for (const name of await disk.list()) {
    const file = await disk.open(name);
    if (file.size > 50_000) file.writeNow(Buffer.of(0xff), 60_000);
  }
  expect(await spool.readHeld(number)).toBeUndefined();
});

test('after a write that failed nothing is taken any more', async () => {
  const disk = memoryDisk();
  let fails = false;
  const failing: Disk = {
    ...disk,
    async open(name) {
      const file = await disk.open(name);
      const sync = file.sync.bind(file);
      file.sync = () => (fails ? Promise.reject(new Error('EIO')) : sync());
      return file;
    },
  };
  const { spool } = await openSpool(failing);
  await spool.arrived(packet(1));
  fails = true;
  const failed = expect.objectContaining({ code: 'io' });
  await expect(Promise.all([spool.arrived(packet(2)), spool.arrived(packet(3))])).rejects.toEqual(failed);
  fails = false;
  await expect(spool.arrived(packet(4))).rejects.toEqual(failed);
});
