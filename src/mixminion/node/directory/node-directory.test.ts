// A remailer's view of the network: when it is fetched, which directory is believed, and what survives a restart.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { descriptorOf, directoryText, identity, seeded, TODAY } from '../../../../test/support/mixminion-directory.ts';
import { type Log, silentLog } from '../../../base/log.ts';
import { DAY, HOUR, MINUTE, VirtualClock } from '../../../base/time.ts';
import type { Directory } from '../../directory/directory.ts';
import { DownloadError } from '../../directory/errors.ts';
import { NodeDirectory, type NodeDirectoryOptions } from './node-directory.ts';
import type { Unpublished } from './publisher.ts';

const server = { name: 'one', url: 'http://one.example.net/', fingerprint: identity.publicKey.fingerprint };
const servers = [server];
const ofDay = (day: number, names = ['Ash']) =>
  gzipSync(
    directoryText(
      names.map((name) => descriptorOf(name)),
      { validAfter: day, validUntil: day + DAY },
    ),
  );

let folder: string;
let clock: VirtualClock;
let warned: string[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'postern-node-directory-'));
  clock = new VirtualClock(TODAY + 6 * HOUR);
  warned = [];
});
afterEach(() => rm(folder, { recursive: true }));

/** A node whose network is the two functions. */
function open(changes: Partial<NodeDirectoryOptions>, answer: () => Buffer = () => ofDay(TODAY)) {
  const log: Log = { ...silentLog, warn: (event) => warned.push(event) };
  const post = { clock, random: seeded(7), log };
  const network = {
    download: async () => answer(),
    publish: async () => ({ accepted: true, message: 'Accepted.' }),
  };
  return NodeDirectory.open(post, { folder, servers, network, ...changes });
}

/** Lets the file system do its work, as the virtual clock knows nothing of it. */
function until(done: () => boolean): Promise<void> {
  return vi.waitFor(() => expect(done()).toBe(true), { timeout: 5000, interval: 2 });
}

test('a directory is taken, told of, and there again after a restart', async () => {
  const node = await open({});
  const told: Directory[] = [];
  const end = node.onChange((directory) => told.push(directory));
  expect(node.current()).toBeUndefined();
  expect(await node.update()).toBe(true);
  expect(await node.update()).toBe(true); // the same again is no change
  expect(told).toEqual([node.current()]);
  end();
  const later = await open({}, () => {
    throw new DownloadError('download-failed', 'away');
  });
  expect(later.current()?.digest).toEqual(told[0]?.digest);
  expect(await later.update()).toBe(false);
  expect(later.current()?.digest).toEqual(told[0]?.digest);
});

// spec: mixminion-directory 5
describe('what is not believed', () => {
  const stranger = { ...server, fingerprint: '00'.repeat(20) };
  test.each([
    ['a signer whom nobody knows', { servers: [stranger] }, () => ofDay(TODAY)],
    ['one signature where two are needed', { servers: [server, stranger] }, () => ofDay(TODAY)],
    ['a vote', {}, () => gzipSync(directoryText([descriptorOf('Ash')], { status: 'vote' }))],
    ['no directory at all', {}, () => Buffer.from('<html>')],
    ['a cut file', {}, () => ofDay(TODAY).subarray(0, 900)],
  ])('%s', async (_, changes, answer) => {
    const node = await open(changes, answer);
    expect(await node.update()).toBe(false);
    expect(node.current()).toBeUndefined();
    expect(warned).toContain('mix.directory.failed');
  });

  test('for a test network it can be', async () => {
    const node = await open({ servers: [stranger], validate: false });
    expect(await node.update()).toBe(true);
  });

  test('an older directory after a newer one', async () => {
    let day = TODAY;
    const node = await open({}, () => ofDay(day));
    await node.update();
    day = TODAY - DAY;
    await node.update();
    expect(Number(node.current()?.lifespan.from)).toBe(TODAY);
  });
});

test('yesterday’s directory is used with a warning, when there is no other', async () => {
  const node = await open({}, () => ofDay(TODAY - 2 * DAY));
  expect(await node.update()).toBe(false);
  expect(node.current()).toBeDefined();
  expect(warned).toContain('mix.directory.outdated');
});

// spec: mixminion-directory 8
test('an obsolete version is warned of', async () => {
  const versions = { client: [], server: ['0.0.9'] };
  const node = await open({}, () => gzipSync(directoryText([], { recommendedVersions: versions })));
  await node.update();
  expect(warned).toContain('mix.directory.version');
});

// spec: mixminion-server 7
test('fetched at start, an hour after a failure, and then in the hour after midnight', async () => {
  const asked: number[] = [];
  let works = false;
  const node = await open({}, () => {
    asked.push(clock.now());
    if (!works) throw new DownloadError('download-failed', 'away');
    return ofDay(clock.now() - (clock.now() % DAY));
  });
  const stop = new AbortController();
  const kept = node.keep(stop.signal);
  await until(() => clock.waiting > 1);
  expect(asked).toEqual([TODAY + 6 * HOUR]);
  works = true;
  await clock.advance(HOUR);
  await until(() => clock.waiting > 1);
  expect(asked[1]).toBe(TODAY + 7 * HOUR);
  await clock.advance(17 * HOUR - 1);
  expect(asked.length).toBe(2);
  await clock.advance(HOUR);
  await until(() => asked.length === 3);
  expect((asked[2] ?? 0) - TODAY - DAY).toBeGreaterThanOrEqual(0);
  expect((asked[2] ?? 0) - TODAY - DAY).toBeLessThan(HOUR);
  stop.abort();
  await kept;
});

// spec: mixminion-directory 6.2; mixminion-server 3
describe('publishing', () => {
  /** Two descriptors, and which of them got their mark. */
  function two() {
    const marked: string[] = [];
    const waiting = ['first', 'second'].map(
      (text): Unpublished => ({
        text,
        async published() {
          marked.push(text);
        },
      }),
    );
    return { marked, unpublished: () => waiting.filter(({ text }) => !marked.includes(text)) };
  }

  test('each is marked when all servers have it, and no server gets it twice', async () => {
    const { marked, unpublished } = two();
    const sent: string[] = [];
    let works = false;
    const node = await open({
      servers: [],
      publishUrls: ['http://a/', 'http://b/'],
      unpublished,
      network: {
        download: async () => Buffer.alloc(0),
        async publish(url, text) {
          sent.push(`${url} ${text}`);
          if (url === 'http://b/' && text === 'second' && !works) throw new DownloadError('download-failed', 'away');
          return { accepted: url === 'http://a/' || works, message: '' };
        },
      },
    });
    expect(await node.publish()).toBe(false);
    expect(marked).toEqual([]);
    works = true;
    expect(await node.publish()).toBe(true);
    expect(marked).toEqual(['first', 'second']);
    expect(sent.filter((one) => one.startsWith('http://a/')).length).toBe(2);
  });

  test('tried again hourly, and at once when there is something new', async () => {
    let offers = 0;
    const node = await open({
      servers: [],
      publishUrls: ['http://a/'],
      unpublished: two().unpublished,
      network: {
        download: async () => Buffer.alloc(0),
        async publish() {
          offers += 1;
          return { accepted: false, message: 'no' };
        },
      },
    });
    const stop = new AbortController();
    const kept = node.keep(stop.signal);
    await clock.advance(0);
    expect(offers).toBe(2);
    await clock.advance(HOUR);
    expect(offers).toBe(4);
    await clock.advance(MINUTE);
    node.publishSoon();
    await clock.advance(0);
    expect(offers).toBe(6);
    stop.abort();
    await kept;
  });
});
