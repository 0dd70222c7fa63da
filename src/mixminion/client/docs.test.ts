// docs/mix3-api.md holds what it says: its examples run and print what stands below them, every C name of the draft has
// its row, and every TypeScript name exists.   spec: mixminion-client-api 2

import { execFile } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type Mixnet, startMixnet } from '../../../test/support/mixnet.ts';
import { mixminionFile, mixminionVectors } from '../../../test/support/vectors.ts';
import * as mix3 from './index.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const page = readFileSync(join(root, 'docs', 'mix3-api.md'), 'utf8');
const { primitives } = mix3;

describe('the examples', () => {
  const face = pathToFileURL(join(import.meta.dirname, 'index.ts')).href;
  const examples = Array.from(
    page.matchAll(/```ts\n(.*?)```\n.*?```text\n(.*?)```/gs),
    ([, code = '', output = '']) => ({
      code,
      output,
    }),
  );
  let folder = '';
  let net: Mixnet | undefined;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'postern-mix3-'));
    net = await startMixnet(answerByMail);
    writeFileSync(join(folder, 'directory.gz'), net.directoryFile);
    writeFileSync(join(folder, 'known-servers.json'), JSON.stringify(net.knownServers));
    copyFileSync(join(root, 'test/fixtures/mixminion/packets.json.gz'), join(folder, 'packets.json.gz'));
  });
  afterAll(async () => {
    await net?.close();
    rmSync(folder, { recursive: true });
  });

  /** Alice answers through the reply block in the letter; what comes home is put where the example looks for mail. */
  async function answerByMail(delivered: mix3.primitives.Delivered, address: string, { directory, carry }: Mixnet) {
    const delivery = primitives.classifyPayload(delivered.payload);
    if (address === 'alice@example.net') {
      if (delivery.kind !== 'plain') throw new Error('Alice cannot read this');
      expect(delivery.headers.get('SUBJECT')).toBe('Hello');
      const { surb } = mix3.Surb.parse(delivery.body.toString());
      const reply: mix3.Address = { type: 'reply' };
      const [payload] = mix3.packageMessage({ message: 'Dear friend, here is your answer.', address: reply });
      if (payload === undefined) throw new Error('an answer has a payload');
      const { path1 } = mix3.generatePath({ directory, spec: '*2', address: reply });
      const packet = mix3.generatePacket({ path1, surb, payload });
      await carry(packet.bytes, packet.firstHop.keyId);
    } else {
      expect(address).toBe('me@home.example');
      const message = primitives.deliveredMessage(delivery, primitives.splitExitInfo(delivered).tag);
      if (message === undefined) throw new Error('nothing to deliver');
      writeFileSync(join(folder, 'mail.txt'), primitives.writeMessage(message));
    }
  }

  test.each(examples)('example %#', async ({ code, output }) => {
    const script = join(folder, 'example.ts');
    writeFileSync(script, code.replaceAll("'postern/mix3'", `'${face}'`));
    const { stdout } = await promisify(execFile)(process.execPath, ['--disable-warning=ExperimentalWarning', script], {
      cwd: folder,
    });
    expect(stdout).toBe(output);
  });

  test('are all looked at', () => {
    expect(examples.length).toBe(page.split('```ts\n').length - 1);
    expect(examples.length).toBeGreaterThan(2);
  });
});

/** The cells of all table rows, in columns. */
const rows = page
  .split('\n')
  .filter((line) => line.startsWith('| '))
  .map((line) => line.split(/(?<!\\)\|/).map((cell) => cell.trim()));
const spans = (cell = '') => [...cell.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code);

test('every name of the C draft has its row', () => {
  const names = readFileSync(join(root, 'test/fixtures/mix3/c-names.txt'), 'utf8').trim().split('\n');
  expect(names.length).toBeGreaterThan(60);
  const listed = new Set(rows.flatMap(([, first]) => spans(first)));
  expect(names.filter((name) => !listed.has(name))).toEqual([]);
});

test('every TypeScript name in the tables exists', async () => {
  const home = mkdtempSync(join(tmpdir(), 'postern-mix3-'));
  onTestFinished(() => rmSync(home, { recursive: true }));
  await using client = await mix3.Mix3Client.open({ folder: home });
  const source = readFileSync(join(import.meta.dirname, 'index.ts'), 'utf8');
  const listed = rows
    .filter(([, first = '']) => /mix3_|in the draft/.test(first))
    .flatMap(([, , cell = '']) => [...cell.matchAll(/`([^`]+)`( \(type\))?/g)]);
  expect(listed.length).toBeGreaterThan(100);
  const samples = sampleValues(client);
  const missing = listed.filter(([, code = '', isType]) => {
    const [, name = '', member] = /^(?:new )?(\w+)(?:\.(\w+))?/.exec(code) ?? [];
    if (isType) return !new RegExp(`\\b${name}\\b`).test(source);
    const value: unknown = samples[name] ?? Reflect.get(mix3, name);
    if (value === undefined) return true;
    return member !== undefined && !(member in Object(value));
  });
  expect(missing.map(([span]) => span)).toEqual([]);
});

test('every function that answers to a vector exists', () => {
  const section = page.slice(page.indexOf('## Checking'));
  const { CounterRandom, RsaPrivateKey, RsaPublicKey, mmtpWire } = primitives;
  const places = [primitives, mix3, mmtpWire, CounterRandom.prototype, RsaPrivateKey.prototype, RsaPublicKey.prototype];
  const called = [...section.matchAll(/`(\w+)\(/g)].map(([, name = '']) => name);
  expect(called.length).toBeGreaterThan(60);
  expect(called.filter((name) => !places.some((place) => name in place))).toEqual([]);
});

/** One of each kind of object that the tables name in lower case. */
function sampleValues(client: mix3.Mix3Client): Record<string, object> {
  const { servers } = mixminionVectors<{ servers: Record<string, { descriptor: string; packet_key_pem: string }> }>(
    'packets',
  );
  const clock = new mix3.VirtualClock(Date.UTC(2026, 10, 22, 12));
  const { descriptor } = mix3.ServerDescriptor.parse(servers['Amber']?.descriptor ?? '', { clock });
  const secretKey = mix3.Mix3SecretKey.fromPem(servers['Amber']?.packet_key_pem ?? '');
  const address = mix3.parseAddress('me@home.example');
  const secret = mix3.SurbSecret.generate();
  const [payload] = mix3.packageMessage({ message: 'x', address });
  if (payload === undefined) throw new Error('a message has a payload');
  const until = Date.UTC(2026, 10, 30);
  const path = [descriptor];
  return {
    descriptor,
    secretKey,
    secret,
    key: secretKey.publicKey,
    directory: mix3.Directory.parse(mixminionFile('directory-0.2.txt'), { clock }),
    store: mix3.DirectoryStore.prototype,
    client,
    queue: mix3.PacketQueue.prototype,
    spec: mix3.PathSpec.parse('?,?'),
    packet: mix3.generatePacket({ path1: path, path2: path, address, payload }),
    surb: mix3.Surb.generate({ path, address, validFrom: clock.now(), validUntil: until, secret }).surb,
    log: new mix3.SurbLog(mix3.memorySurbLog(), clock),
    keyring: new mix3.Keyring(),
    connection: new mix3.MmtpConnection(descriptor),
    decoded: mix3.decodePacket(payload.bytes).packet,
    pool: new mix3.FragmentPool(mix3.memoryReassemblyStorage()),
    error: new mix3.Mix3BadArgsError('x'),
  };
}

test('the table of errors is that of the classes', () => {
  const table = rows.filter(([, status = '']) => /^\d+$/.test(status)).slice(1);
  expect(table).toHaveLength(Object.keys(mix3.Mix3Status).length - 1);
  for (const [, status = '', code, className = '', parent] of table) {
    const [name = '', ...fields] = spans(className);
    const Class = Reflect.get(mix3, name) as typeof mix3.Mix3BadArgsError;
    expect(Reflect.getPrototypeOf(Class)).toBe(Reflect.get(mix3, spans(parent)[0] ?? ''));
    const error = new Class('x');
    expect([error.status, error.code, error.name]).toEqual([Number(status), spans(code)[0], name]);
    expect(fields.filter((field) => !(field in error))).toEqual([]);
    expect(mix3.statusString(error.status)).not.toBe('unknown status');
  }
});
