// The queue on disk: all of a message or nothing, and what does not belong there is left alone.   spec: mixminion-server 9.3

import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { DAY, VirtualClock } from '../../base/time.ts';
import { CounterRandom } from '../../crypto/aes-ctr.ts';
import { Packet } from './packet.ts';
import { PacketQueue } from './packet-queue.ts';

const clock = new VirtualClock(Date.UTC(2026, 10, 22, 13));
const random = new CounterRandom(Buffer.alloc(16, 1));

let folder: string;
let warnings: string[];
let queue: PacketQueue;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'postern-queue-'));
  warnings = [];
  queue = new PacketQueue(folder, { clock, random, onWarning: (text) => warnings.push(text) });
  return () => rmSync(folder, { recursive: true });
});

function packet(fill: number, nickname?: string): Packet {
  const hop = { host: `host${fill}.example`, port: 48099, keyId: Buffer.alloc(20, fill) };
  return new Packet(Buffer.alloc(32768, fill), { ...hop, ...(nickname === undefined ? {} : { nickname }) });
}

test('packets come back as they went in, and go one by one', async () => {
  const [one, two] = [packet(1, 'Amber'), packet(2)];
  const ids = await queue.add([one, two]);
  const [other] = await queue.add([packet(3)]);
  expect(await queue.add([])).toEqual([]);
  const waiting = await queue.list();
  expect(new Set(waiting.map(({ id }) => id))).toEqual(new Set([...ids, other]));
  expect(waiting.every(({ queued }) => queued.getTime() === Date.UTC(2026, 10, 22))).toBe(true);
  expect(waiting.find(({ id }) => id === ids[0])?.firstHop).toEqual(one.firstHop);
  expect(await queue.read(ids[0] ?? '')).toEqual(one);
  expect(await queue.read(ids[1] ?? '')).toEqual(two);
  for (const id of ids) await queue.remove(id);
  await queue.remove(ids[0] ?? ''); // once more is no error
  expect(await queue.read(ids[0] ?? '')).toBeUndefined();
  expect((await queue.list()).map(({ id }) => id)).toEqual([other]);
  expect(readdirSync(folder)).toHaveLength(1); // the empty folder of the first message is gone
});

test('only its owner can read it', async () => {
  const [id = ''] = await queue.add([packet(1)]);
  expect(statSync(join(folder, id)).mode & 0o777).toBe(0o600);
  expect(statSync(join(folder, id, '..')).mode & 0o777).toBe(0o700);
});

test('what a crash left half written is no message, and is swept away', async () => {
  await queue.add([packet(1)]);
  mkdirSync(join(folder, '0123456789abcdef.new'));
  writeFileSync(join(folder, '0123456789abcdef.new', '0000'), 'half');
  expect(await queue.list()).toHaveLength(1);
  await queue.sweep();
  expect(readdirSync(folder)).toHaveLength(1);
  expect(await queue.list()).toHaveLength(1);
});

test('a file that is no packet is told of, and left', async () => {
  const [id = ''] = await queue.add([packet(1)]);
  const head = { host: 'a', port: 1, keyId: '00'.repeat(20), queued: 0 };
  const wrong = [
    '',
    'nonsense',
    '{}\n',
    `${JSON.stringify(head)}\nshort`,
    `${JSON.stringify({ ...head, port: 0 })}\n${'x'.repeat(32768)}`,
    `${JSON.stringify(head)}\n${'x'.repeat(32769)}`,
  ];
  for (const [place, text] of wrong.entries()) writeFileSync(join(folder, id, '..', `x${place}`), text);
  expect((await queue.list()).map((entry) => entry.id)).toEqual([id]);
  expect(warnings).toHaveLength(wrong.length);
  expect(await queue.read(id.replace('0000', 'x1'))).toBeUndefined();
});

test('old ones are cleaned away, by the day', async () => {
  await queue.add([packet(1), packet(2)]);
  const later = new VirtualClock(clock.now() + 3 * DAY);
  const fresh = new PacketQueue(folder, { clock: later, random });
  const [young] = await fresh.add([packet(3)]);
  expect(await fresh.clean(new Date(Date.UTC(2026, 10, 22, 23)))).toBe(0);
  expect(await fresh.clean(new Date(Date.UTC(2026, 10, 23)))).toBe(2);
  expect((await fresh.list()).map(({ id }) => id)).toEqual([young]);
});
