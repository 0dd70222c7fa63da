// A node's keys over months on a clock turned by hand: files, descriptors, rotation with packets under way, and crashes.

import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { fieldsOf, seeded } from '../../../../test/support/mixminion-directory.ts';
import { readyKeys } from '../../../../test/support/mixminion-keys.ts';
import { DAY, HOUR, VirtualClock } from '../../../base/time.ts';
import { RsaPrivateKey } from '../../../crypto/rsa.ts';
import { ServerDescriptor } from '../../directory/descriptor.ts';
import { destroyKeys } from './key-files.ts';
import { isDead } from './key-schedule.ts';
import { KeyStore, type KeyStoreOptions, type NodeProfile } from './key-store.ts';

const START = Date.UTC(2026, 10, 22, 6, 2, 7, 345);
const TODAY = Date.UTC(2026, 10, 22);
const lifetimes = { lifetime: 30 * DAY, overlap: 24 * HOUR };
const {
  published: _1,
  validAfter: _2,
  validUntil: _3,
  packetKey: _4,
  packetVersions: _5,
  ...profile
} = fieldsOf('Amber');

let folder: string;
let clock: VirtualClock;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'postern-keys-'));
  clock = new VirtualClock(START);
});
afterEach(async () => await rm(folder, { recursive: true }));

const generate = readyKeys();
function open(changes: Partial<KeyStoreOptions> = {}): Promise<KeyStore> {
  const keys = join(folder, 'keys');
  return KeyStore.open({
    folder: keys,
    identityBits: 2048,
    lifetimes,
    profile,
    clock,
    random: seeded(3),
    generate,
    ...changes,
  });
}
const numbers = (keysets: readonly { number: number }[]) => keysets.map(({ number }) => number);

// spec: mixminion-server 3, 8.1
describe('a new node', () => {
  test('makes its keys once, in files of its own', async () => {
    const made = await open();
    expect(numbers(made.live)).toEqual([1]);
    const again = await open({
      generate: async () => {
        throw new Error('nothing is to be made');
      },
    });
    expect(again.identity.publicKey.digest).toEqual(made.identity.publicKey.digest);
    expect(again.live.map(({ key }) => key.publicKey.digest)).toEqual(made.live.map(({ key }) => key.publicKey.digest));
    expect(again.live[0]?.descriptor.text).toBe(made.live[0]?.descriptor.text);

    const keys = join(folder, 'keys');
    expect((await readdir(keys)).sort()).toEqual(['identity.key', 'key_0001']);
    expect((await readdir(join(keys, 'key_0001'))).sort()).toEqual(['ServerDesc', 'mix.key']);
    for (const name of ['identity.key', 'key_0001/mix.key', 'key_0001/ServerDesc'])
      expect((await stat(join(keys, name))).mode & 0o777).toBe(0o600);
    for (const name of ['', 'key_0001']) expect((await stat(join(keys, name))).mode & 0o777).toBe(0o700);
    expect(await readFile(join(keys, 'identity.key'), 'latin1')).toMatch(/^-----BEGIN RSA PRIVATE KEY-----\n/);
  });

  test('describes itself under its own signature', async () => {
    const { live, identity } = await open();
    const { descriptor } = ServerDescriptor.parse(live[0]?.descriptor.text ?? '', { clock });
    expect(descriptor.keyId).toEqual(identity.publicKey.digest);
    expect(descriptor.packetKey.digest).toEqual(live[0]?.key.publicKey.digest);
    expect(descriptor.fields).toMatchObject({
      ...profile,
      published: START - (START % 1000),
      validAfter: TODAY,
      validUntil: TODAY + 30 * DAY,
      packetVersions: ['0.3'],
    });
  });

  test('makes real keys when none are given', async () => {
    const store = await open({ generate: RsaPrivateKey.generate });
    expect(store.identity.publicKey.bits).toBe(2048);
    expect(store.identity.publicKey.digest).not.toEqual(store.live[0]?.key.publicKey.digest);
  });
});

// spec: mixminion-server 3; mixminion-mmtp 8
test('no packet is lost over half a year of rotations, and each key is deleted in its time', async () => {
  const store = await open();
  const deleted: number[] = [];
  const under = new Map<number, { sealed: Buffer; until: number }>();
  for (let turns = 0; turns < 40; turns += 1) {
    const now = clock.now();
    for (const { number, key, validAfter, validUntil } of store.keysets) {
      // A sender seals for a key on any of its days; the packet takes up to a day.
      if (validAfter <= now && now <= validUntil)
        under.set(number, {
          sealed: key.publicKey.encrypt(Buffer.from(`under ${number}`), seeded(number)),
          until: now + DAY,
        });
    }
    for (const [number, { sealed, until }] of under) {
      if (until < now) continue;
      const opened = store.live.flatMap(({ key }) => {
        try {
          return [key.decrypt(sealed).toString()];
        } catch {
          return [];
        }
      });
      expect(opened).toEqual([`under ${number}`]);
    }
    const [newest, ...older] = store.live;
    expect(older.every(({ validAfter }) => validAfter < (newest?.validAfter ?? 0))).toBe(true);
    const next = await store.next();
    expect(next).toBeGreaterThan(now);
    await clock.advance(Math.min(next, now + 7 * DAY) - now);
    deleted.push(...(await store.turn()).deleted);
    expect(store.keysets.some((keyset) => isDead(keyset, clock.now(), lifetimes))).toBe(false);
  }
  expect(clock.now() - START).toBeGreaterThan(180 * DAY);
  expect(deleted.length).toBeGreaterThanOrEqual(5);
  const names = (await readdir(join(folder, 'keys'))).filter((name) => name.startsWith('key_')).sort();
  const padded = numbers(store.keysets).map((number) => `key_${String(number).padStart(4, '0')}`);
  expect(names).toEqual(padded.sort());
});

test('a node that was away for a year begins anew with the same identity', async () => {
  const before = await open();
  await clock.advance(365 * DAY);
  const after = await open();
  expect(after.identity.publicKey.digest).toEqual(before.identity.publicKey.digest);
  expect(after.keysets).toHaveLength(1);
  expect(after.live[0]?.validAfter).toBe(TODAY + 365 * DAY);
});

// spec: mixminion-server 3
describe('descriptors', () => {
  const other: NodeProfile = { ...profile, contact: 'elsewhere@example.org' };

  test('are published once, each on its own', async () => {
    const store = await open({ lifetimes: { ...lifetimes, lifetime: 10 * DAY } });
    const [first, second] = store.unpublished;
    expect(numbers(store.unpublished)).toEqual([1, 2]);
    if (first === undefined || second === undefined) throw new Error('two keys were to be made');
    await store.markPublished(first);
    expect(numbers(store.unpublished)).toEqual([2]);
    expect(numbers((await open({ lifetimes: { ...lifetimes, lifetime: 10 * DAY } })).unpublished)).toEqual([2]);
    await store.republish();
    expect(numbers(store.unpublished)).toEqual([1, 2]);
  });

  test('are written anew, with the same key, when the node says something else of itself', async () => {
    const store = await open();
    const [first] = store.unpublished;
    if (first === undefined) throw new Error('a key was to be made');
    await store.markPublished(first);
    expect(await store.useSettings(profile, lifetimes)).toEqual({ made: [], rewritten: [], deleted: [] });
    await clock.advance(HOUR);
    expect(await store.useSettings(other, lifetimes)).toEqual({ made: [], rewritten: [1], deleted: [] });
    const [changed] = store.unpublished;
    expect(changed?.key).toBe(first.key);
    expect(changed?.descriptor.fields.contact).toBe('elsewhere@example.org');
    expect(changed?.descriptor.fields.published).toBeGreaterThan(first.descriptor.fields.published);
    await store.markPublished(first); // too late: that one is no more
    expect(numbers(store.unpublished)).toEqual([1]);
    const again = await open({ profile: other });
    expect(again.live[0]?.descriptor.text).toBe(changed?.descriptor.text);
    expect(numbers(again.unpublished)).toEqual([1]);
  });

  test('from a clock that was ahead are put right', async () => {
    const ahead = await open({ clock: new VirtualClock(START + 365 * DAY) });
    expect(ahead.keysets[0]?.validAfter).toBe(TODAY + 365 * DAY);
    const store = await open();
    expect(store.keysets.every(({ descriptor }) => descriptor.fields.published <= START)).toBe(true);
    expect(store.live).toHaveLength(1);
  });
});

// spec: mixminion-server 8.2
test.each([false, true])(
  'keys are destroyed, and the next start makes new ones; the identity too: %s',
  async (identity) => {
    const before = await open();
    const keys = join(folder, 'keys');
    await writeFile(join(keys, 'key_0001', 'mix.key'), 'nothing that is a key'); // whatever state they are in
    await writeFile(join(keys, 'notes.txt'), 'of the operator');
    await destroyKeys(keys, { identity });
    expect(await readdir(keys)).toEqual(identity ? ['notes.txt'] : ['identity.key', 'notes.txt']);
    const after = await open();
    expect(after.identity.publicKey.digest.equals(before.identity.publicKey.digest)).toBe(!identity);
    expect(after.live[0]?.key).not.toBe(before.live[0]?.key);
    expect(numbers(after.unpublished)).toEqual([1]);
    await destroyKeys(keys, { identity });
    await destroyKeys(keys, { identity }); // as after a crash in the middle
  },
);

describe('after a crash', () => {
  test('what was half made or half deleted is gone', async () => {
    await open();
    const keys = join(folder, 'keys');
    for (const name of ['key_0002.new', 'key_0003.old']) {
      await mkdir(join(keys, name));
      await writeFile(join(keys, name, 'mix.key'), 'half a k');
    }
    await writeFile(join(keys, 'notes.txt'), 'of the operator');
    expect(numbers((await open()).keysets)).toEqual([1]);
    expect((await readdir(keys)).sort()).toEqual(['identity.key', 'key_0001', 'notes.txt']);
  });

  test('the keys that were made in time are used, and the rest is made', async () => {
    const lives = { lifetime: 5 * DAY, overlap: 24 * HOUR };
    const left = { keys: 3 }; // the identity and two packet keys
    const failing = async (bits: number) => {
      if (left.keys-- === 0) throw new Error('the power is gone');
      return generate(bits);
    };
    await expect(open({ lifetimes: lives, generate: failing })).rejects.toThrow('the power is gone');
    const store = await open({ lifetimes: lives });
    expect(numbers(store.keysets)).toEqual([1, 2, 3, 4]);
    expect(new Set(store.keysets.map(({ validUntil }) => (validUntil - TODAY) / DAY))).toEqual(
      new Set([5, 10, 15, 20]),
    );
  });

  test.each([
    ['identity.key', 'nonsense'],
    ['key_0001/mix.key', 'nonsense'],
    ['key_0001/ServerDesc', '[Server]\nnonsense: 1\n'],
  ])('%s with something else in it is told of, not replaced', async (name, content) => {
    await open();
    const path = join(folder, 'keys', name);
    await writeFile(path, content);
    await expect(open()).rejects.toMatchObject({ code: 'key-file' });
    expect(await readFile(path, 'latin1')).toBe(content);
  });

  test('a descriptor of another key is told of', async () => {
    const one = await open();
    const theirs = await KeyStore.open({
      ...{ folder: join(folder, 'theirs'), identityBits: 2048, lifetimes, profile, clock, random: seeded(3) },
      generate,
    });
    expect(theirs.live[0]?.key).not.toBe(one.live[0]?.key);
    await writeFile(join(folder, 'keys/key_0001/ServerDesc'), theirs.live[0]?.descriptor.text ?? '');
    await expect(open()).rejects.toMatchObject({ code: 'key-file' });
  });
});

test('what came while nobody looked is due now, and not forgotten', async () => {
  const store = await open();
  const looked = clock.now();
  const change = await store.next();
  await store.linkCertificates();
  await clock.advance(DAY + HOUR);
  expect(await store.next(looked)).toBe(clock.now()); // a certificate
  expect(await store.next(looked)).toBe(change); // said once
  await clock.advance(change + HOUR - clock.now());
  expect(await store.next(looked)).toBe(clock.now()); // a key
  expect(await store.next()).toBeGreaterThan(clock.now());
});

// spec: mixminion-mmtp 1.3, 8
test('links show a new key each day', async () => {
  const store = await open();
  const [first, same] = await Promise.all([store.linkCertificates(), store.linkCertificates()]);
  expect(same).toBe(first);
  expect(await store.next()).toBe(START + DAY);
  await clock.advance(DAY - 1);
  expect(await store.linkCertificates()).toBe(first);
  await clock.advance(1);
  const [second, secondToo] = await Promise.all([store.linkCertificates(), store.linkCertificates()]);
  expect(second.chain).not.toBe(first.chain);
  expect(secondToo).toBe(second);
  expect((await store.linkCertificates('mixminion-0.0.8')).chain).not.toBe(second.chain);
});
