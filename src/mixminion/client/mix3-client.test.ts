// The desk of a sender: one at a time, reply blocks that are spent before they are used, and what a directory lacks.
// spec: mixminion-client-api 10; mixminion-e2e 10

import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeEach, expect, test } from 'vitest';
import {
  descriptorOf,
  directoryText,
  identity,
  clock as noonish,
  TODAY,
} from '../../../test/support/mixminion-directory.ts';
import {
  type Draft,
  flushFolder,
  Mix3BadArgsError,
  Mix3BadPassphraseError,
  Mix3BusyError,
  Mix3Client,
  type Mix3ClientOptions,
  Mix3NetworkError,
  Mix3SurbUnusableError,
  parseAddress,
  primitives,
  VirtualClock,
} from './index.ts';

const DAY = 86_400_000;
const address = parseAddress('alice@example.net');
const fingerprint = identity.publicKey.fingerprint;

let folder: string;
let clock: VirtualClock;
let warnings: string[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'postern-mix-'));
  clock = new VirtualClock(noonish.now());
  warnings = [];
  configure();
  know(directoryText([descriptorOf('Ash'), descriptorOf('Beech'), descriptorOf('Cedar')]));
  return () => rmSync(folder, { recursive: true });
});

function configure(more = ''): void {
  writeFileSync(join(folder, 'mix.toml'), `[directory]\nservers = ["${fingerprint} http://127.0.0.1:9/"]\n${more}`);
}

function know(directory: string): void {
  writeFileSync(join(folder, 'dir.gz'), gzipSync(directory));
}

function open(changes: Partial<Mix3ClientOptions> = {}): Promise<Mix3Client> {
  return Mix3Client.open({ folder, clock, onWarning: (text) => warnings.push(text), ...changes });
}

/** What a message to this takes, and the reply blocks for it. */
async function reply(client: Mix3Client, count: number): Promise<Draft> {
  const made = await client.makeSurbs({ count, address });
  return { message: 'an answer', to: made.map(({ surb }) => surb) };
}

test('one at a time', async () => {
  const first = await open();
  let waits = 0;
  const second = open({ patience: 1000, onWait: () => (waits += 1) });
  second.catch(() => {});
  while (waits === 0) await settled();
  await clock.advance(2000);
  await expect(second).rejects.toThrow(Mix3BusyError);
  expect(waits).toBe(1);
  await first[Symbol.asyncDispose]();
  await using third = await open();
  expect(await third.queue.list()).toEqual([]);
  expect(statSync(join(folder, 'queue')).mode & 0o777).toBe(0o700);
});

test('a configuration that cannot be used leaves nothing locked', async () => {
  configure('[network]\ntimeout = 5\n');
  await expect(open()).rejects.toMatchObject({ code: 'config' });
  configure();
  await using client = await open();
  expect(client.settings.network.timeout).toBe(120_000);
});

test('a fresh folder gets a configuration that says what it can say', async () => {
  rmSync(join(folder, 'mix.toml'));
  await using client = await open();
  expect(client.settings.paths.forward).toBe('~5');
  const written = readFileSync(join(folder, 'mix.toml'), 'utf8');
  for (const key of ['servers', 'forward', 'block_exits', 'lifetime', 'proxy', 'compat'])
    expect(written).toMatch(new RegExp(`^#${key} = `, 'm'));
  await expect(client.updateDirectory()).rejects.toThrow('no directory server is known');
});

test('a reply block is spent before its packet exists: what fails then wastes it', async () => {
  await using client = await open();
  const draft = await reply(client, 2);
  rmSync(join(folder, 'queue'), { recursive: true });
  writeFileSync(join(folder, 'queue'), 'in the way');
  await expect(client.enqueue(draft)).rejects.toThrow(); // marked, and then not queued
  rmSync(join(folder, 'queue'));
  mkdirSync(join(folder, 'queue'));
  expect(await client.enqueue(draft)).toHaveLength(1); // with the other one
  await expect(client.enqueue(draft)).rejects.toThrow(Mix3SurbUnusableError);
  const packets = await client.queue.list();
  expect(packets).toHaveLength(1);
});

test('no block is spent when there is no path, or when there are too few', async () => {
  await using client = await open();
  const draft = await reply(client, 1);
  await expect(client.enqueue({ ...draft, path: 'Elm' })).rejects.toThrow('Elm');
  const long = new primitives.CounterRandom(Buffer.alloc(16, 3)).bytes(60_000);
  await expect(client.enqueue({ ...draft, message: long })).rejects.toThrow(Mix3SurbUnusableError);
  expect(await client.enqueue(draft)).toHaveLength(1);
});

test('secrets outlive the blocks that are made from them', async () => {
  {
    await using client = await open();
    const [made] = await client.makeSurbs({ count: 1, address, lifetime: 80 * DAY, identity: 'Alice' }).catch(() => []);
    expect(made).toBeUndefined(); // no server's key is valid as long
    await expect(client.makeSurbs({ count: 1, address, lifetime: DAY / 2 })).rejects.toThrow(Mix3BadArgsError);
    await expect(client.makeSurbs({ count: 0, address })).rejects.toThrow(Mix3BadArgsError);
    await client.makeSurbs({ count: 1, address, identity: 'Alice' });
  }
  await using again = await open();
  const [secret] = (await again.keyring()).all('alice');
  expect(Number(secret?.expires)).toBeGreaterThan(clock.now() + 89 * DAY);
});

test('a key ring under a passphrase stays closed to others, who may try again', async () => {
  {
    await using client = await open({ askPassphrase: async () => 'sesame' });
    await client.makeSurbs({ count: 1, address });
  }
  const tries = ['guess', 'sesame'];
  await using client = await open({ askPassphrase: async () => tries.shift() ?? '' });
  await expect(client.keyring()).rejects.toThrow(Mix3BadPassphraseError);
  expect((await client.keyring()).all()).toHaveLength(1);
});

// spec: mixminion-directory 8
test('what is amiss with the directory is told', async () => {
  const versions = { client: ['0.0.9'], server: [] };
  know(directoryText([descriptorOf('Ash')], { recommendedVersions: versions }));
  {
    await using client = await open();
    expect(client.directoryFlaws).toEqual([expect.stringContaining('recommends newer clients')]);
  }
  clock = new VirtualClock(TODAY + 3 * DAY);
  await using client = await open();
  expect(client.directoryFlaws[0]).toContain('valid until 2026-11-23');
  await expect(client.updateDirectory()).rejects.toThrow(Mix3NetworkError);
  expect(client.directory.directory).toBeDefined(); // the old one stays
});

test('a message that will look like a trap is sent with a warning', async () => {
  await using client = await open();
  const draft = { message: 'x'.repeat(2_000_000), to: address };
  await client.compose({ ...draft, reassembly: 'client' });
  expect(warnings).toEqual([expect.stringContaining('shrinks so much')]);
});

test('a path may name a file with a descriptor, and blocked servers are not chosen', async () => {
  configure('[paths]\nblock = ["cedar"]\nblock_entries = ["Beech"]\n');
  const file = join(folder, 'elm.txt');
  writeFileSync(file, descriptorOf('Elm').text);
  await using client = await open();
  for (const { path1, path2 } of client.choosePaths(20, { kind: 'forward', path: '?:?', address })) {
    expect(path1[0]?.nickname).toBe('Ash');
    expect(path2?.[0]?.nickname).not.toBe('Cedar');
  }
  const [named] = client.choosePaths(1, { kind: 'forward', path: `${file}:Cedar`, address });
  expect([named?.path1[0]?.nickname, named?.path2?.[0]?.nickname]).toEqual(['Elm', 'Cedar']);
  expect(warnings).toContain('Cedar is blocked');
});

test('a file in the place of the folder is said to be in the way', async () => {
  await expect(open({ folder: join(folder, 'mix.toml') })).rejects.toThrow(Mix3BadArgsError);
});

test('an empty queue needs no network', async () => {
  await using client = await open();
  const { settings } = client;
  expect(await flushFolder({ folder, settings, clock })).toEqual({ sent: 0, failed: 0, total: 0, failures: [] });
});

/** Lets promises that need no time go on. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
