// Fragments that come over days and runs, in memory and on disk.   spec: mixminion-client-api 9

import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  assembleFragments,
  type DecodedPacket,
  decodePacket,
  FragmentPool,
  fragmentFolder,
  Mix3BadArgsError,
  Mix3BadFormatError,
  Mix3NeedMoreFragmentsError,
  Mix3NotFoundError,
  Mix3OvercompressedError,
  Mix3SecretKey,
  memoryReassemblyStorage,
  packageMessage,
  parseAddress,
  primitives,
  type ReassemblyStorage,
  VirtualClock,
} from './index.ts';

const DAY = 86_400_000;
const random = new primitives.CounterRandom(Buffer.alloc(16, 3));
const noise = (length: number) => random.bytes(length);
const address = parseAddress('alice@example.net');

function fragmentsOf(message: Uint8Array): DecodedPacket[] {
  const payloads = packageMessage({ message, address, reassembly: 'client', random });
  return payloads.map(({ bytes }) => decodePacket(bytes).packet);
}

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'postern-fragments-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe.each(['memory', 'folder'])('in %s', (kind) => {
  let storage: ReassemblyStorage;
  let clock: VirtualClock;
  beforeEach(() => {
    clock = new VirtualClock(Date.UTC(2026, 10, 22, 12));
    storage = kind === 'memory' ? memoryReassemblyStorage() : fragmentFolder(join(folder, 'pool'));
  });

  test('a message of two chunks comes together from runs on several days', async () => {
    const message = noise(600_000);
    const fragments = primitives.shuffle(random, fragmentsOf(message));
    expect(fragments.length).toBe(44);
    const half = fragments.splice(0, 20);
    const first = new FragmentPool(storage, { clock });
    for (const packet of half) expect(await first.add(packet)).toMatchObject({ ready: false });
    await clock.advance(DAY);

    const pool = new FragmentPool(storage, { clock }); // another run
    const [before] = await pool.list();
    if (before === undefined) throw new Error('nothing was kept');
    expect(before).toMatchObject({ identity: '---', status: 'open', ready: false, need: 32 });
    expect(before.since).toEqual(new Date(Date.UTC(2026, 10, 22)));
    expect(before.shortId).toBe(Buffer.from(before.id, 'hex').toString('base64').slice(0, 12));
    await expect(pool.assemble(before.shortId)).rejects.toThrow(Mix3NeedMoreFragmentsError);
    for (const packet of fragments) await pool.add(packet);
    expect(await pool.status(before.id)).toMatchObject({ ready: true, have: 32 });
    expect((await pool.assemble(before.shortId)).equals(message)).toBe(true);
    expect((await pool.assemble(before.id.toUpperCase())).equals(message)).toBe(true);

    await pool.remove(before.id);
    expect(await pool.status(before.id)).toMatchObject({ status: 'completed' });
    await expect(pool.assemble(before.id)).rejects.toThrow(Mix3NotFoundError);
    const [late] = half;
    expect(late && (await pool.add(late))).toMatchObject({ result: 'dropped', reason: 'finished' });
    if (kind === 'folder') expect(readdirSync(join(folder, 'pool', before.id))).toEqual(['record.json']);
  });

  // spec: mixminion-e2e 7
  test('a message for two identities is a fraud, an old one is given up', async () => {
    const pool = new FragmentPool(storage, { clock });
    const [one, two] = fragmentsOf(noise(40_000));
    const [other] = fragmentsOf(noise(40_000));
    if (!one || !two || !other) throw new Error('too few fragments');
    await pool.add(one);
    expect(await pool.add(two, 'somebody')).toMatchObject({ result: 'rejected', reason: 'differs' });
    await pool.add(other);
    await clock.advance(DAY);
    expect(await pool.expire(Date.UTC(2026, 10, 22, 23))).toBe(0);
    expect(await pool.expire(clock.now())).toBe(1);
    expect((await pool.list()).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  });

  test('what is not in the pool, and what does not belong there', async () => {
    const pool = new FragmentPool(storage, { clock, maxSize: 50_000 });
    expect(await pool.list()).toEqual([]);
    await expect(pool.status('nothing')).rejects.toThrow(Mix3NotFoundError);
    await expect(pool.remove('nothing')).rejects.toThrow(Mix3NotFoundError);
    const [payload] = packageMessage({ message: 'short', address });
    const single = decodePacket(payload?.bytes ?? Buffer.alloc(0)).packet;
    await expect(pool.add(single)).rejects.toThrow(Mix3BadArgsError);
    const [large] = fragmentsOf(noise(60_000));
    expect(large && (await pool.add(large))).toMatchObject({ result: 'rejected', reason: 'too-large' });
  });
});

test('on disk: a piece without a record is no harm, a damaged record is told of', async () => {
  const storage = fragmentFolder(folder);
  const pool = new FragmentPool(storage);
  const [one, two] = fragmentsOf(noise(40_000));
  if (!one || !two) throw new Error('too few fragments');
  const { id } = await pool.add(one);
  writeFileSync(join(folder, id, 'fragment-0-1'), 'what a crash left');
  await pool.add(two);
  expect(await pool.status(id)).toMatchObject({ ready: true });
  await pool.assemble(id);
  await storage.forget(id);
  expect(await pool.list()).toEqual([]);
  const { id: other } = await pool.add(one);
  writeFileSync(join(folder, other, 'record.json'), '{');
  await expect(pool.list()).rejects.toThrow(Mix3BadFormatError);
});

test('fragments in hand: for one reader, of one message, and not inflated beyond their limit', async () => {
  const key = await Mix3SecretKey.generate(1024);
  const message = noise(40_000);
  const sealed = packageMessage({
    message,
    address: { type: 'email', address: 'alice@example.net', recipientKey: key.publicKey },
    random,
  });
  const packets = sealed.map(
    ({ bytes, decodingHandle }) =>
      decodePacket({ tag: decodingHandle ?? Buffer.alloc(0), payload: bytes }, { keys: [key] }).packet,
  );
  expect(sealed.map(({ kind }) => kind)).toEqual(['fragment', 'fragment', 'fragment']);
  expect(packets[0]).toMatchObject({ keyIndex: 0, wasPlaintext: false, isFragment: true });
  const whole = assembleFragments(packets.slice(1));
  expect(whole.equals(Buffer.concat([Buffer.from('\n'), message]))).toBe(true);
  expect(assembleFragments(packets, { stripHeaders: true }).equals(message)).toBe(true);
  expect(() => assembleFragments(packets.slice(2))).toThrow(expect.objectContaining({ have: 1, need: 2 }));
  expect(() => assembleFragments([])).toThrow(Mix3NeedMoreFragmentsError);

  const plain = fragmentsOf(message);
  expect(() => assembleFragments([...packets.slice(0, 1), ...plain.slice(1)])).toThrow(Mix3BadFormatError);
  expect(() => assembleFragments([...plain.slice(0, 1), ...fragmentsOf(message).slice(1)])).toThrow(Mix3BadFormatError);

  const zeros = fragmentsOf(Buffer.concat([noise(30_000), Buffer.alloc(2_000_000)]));
  expect(() => assembleFragments(zeros)).toThrow(Mix3OvercompressedError);
  expect(assembleFragments(zeros, { force: true }).length).toBe(2_030_000);
});
