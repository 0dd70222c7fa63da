// `postern mix testnet`: a whole network on one machine, a letter through three plus three remailers, a long message, an answer
// through a reply block; and a person at another terminal, in the network's own time.   spec: mixminion-server 9

import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { silentLog } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import { fastClock } from '../../src/base/time.ts';
import { runPostern } from '../../src/cli/program.ts';
import { RsaPrivateKey } from '../../src/crypto/rsa.ts';
import { Testnet } from '../../src/mixminion/testnet/testnet.ts';
import { overhear } from '../support/client.ts';
import { readyKeys } from '../support/mixminion-keys.ts';

const SPEED = 400;
const LONG = systemRandom.bytes(45_000).toString('base64');
const begun = Date.now();

let folder: string;
let net: Testnet;
beforeAll(async () => {
  vi.spyOn(RsaPrivateKey, 'generate').mockImplementation(readyKeys()); // a dozen new ones take longer than all the rest
  process.env['POSTERN_PASSPHRASE'] = '';
  folder = await mkdtemp(join(tmpdir(), 'postern-testnet-'));
  const clock = fastClock({ begun, speed: SPEED });
  net = await Testnet.open({ folder, clock, log: silentLog });
});
afterAll(async () => {
  delete process.env['POSTERN_PASSPHRASE'];
  vi.restoreAllMocks();
  await net[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** What a command prints for somebody whose home lies in the network's folder. */
async function run(user: string, ...args: string[]): Promise<string> {
  const home = await net.home(user, `${SPEED} since ${new Date(begun).toISOString()}`);
  const { status, out, err } = await overhear(() => runPostern(['mix', ...args, '--home', home]));
  if (status !== 0) throw new Error(`${args.join(' ')}: ${err}`);
  return out;
}

const nextMails = (user: string, seen: number) => net.mail.next(user, seen, AbortSignal.timeout(15_000));

test('the command tells of each hop, and ends well', async () => {
  const { status, out, err } = await overhear(() =>
    runPostern(['mix', 'testnet', '--json', '--once', '--speed', '400']),
  );
  expect({ status, err }).toEqual({ status: 0, err: '' });
  const events = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const [open] = events;
  expect(open).toMatchObject({
    event: 'open',
    directory: { url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/$/) },
  });
  expect(open.remailers).toHaveLength(6);
  const hops = events.filter(({ event }) => event === 'hop');
  const [way] = events.filter(({ event }) => event === 'way');
  expect(hops.map(({ task }) => task)).toEqual(['relay', 'relay', 'crossover', 'relay', 'relay', 'deliver']);
  expect(hops.map(({ remailer }) => remailer)).toEqual(way.legs.flat());
  expect(new Set(hops.map(({ digest }) => digest)).size).toBe(6);
  expect(events.filter(({ event }) => event === 'read').map(({ user }) => user)).toEqual(['bob', 'bob', 'alice']);
}, 60_000);

test('from another terminal: the servers, a letter, and a long answer through reply blocks', async () => {
  expect(
    (await run('alice', 'servers')).split('\n').filter((line) => /^[A-Z][a-z]+ +mbox smtp/.test(line)),
  ).toHaveLength(6);
  const letter = join(folder, 'letter.txt');
  const blocks = await run('alice', 'surb', 'new', '--count', '5');
  await writeFile(letter, `Please answer.\n${blocks}`);
  expect(await run('alice', 'send', '--to', 'bob@mix.test', '--input', letter)).toBe('1 packet sent\n');
  const [mail] = await nextMails('bob', 0);
  const received = join(folder, 'received.txt');
  await writeFile(received, mail ?? '');
  const read = join(folder, 'read.txt');
  await run('bob', 'decode', '--input', received, '--output', read);
  const answer = join(folder, 'answer.txt');
  await writeFile(answer, LONG);
  const told = await run('bob', 'send', '--reply-block', read, '--input', answer);
  const packets = Number(/^(\d) packets sent\n$/.exec(told)?.[1]);
  expect(packets).toBeGreaterThan(2);
  const mails = await nextMails('alice', packets - 1);
  expect(mails).toHaveLength(packets);
  const replies = join(folder, 'replies.txt');
  await writeFile(replies, Buffer.concat(mails));
  await run('alice', 'decode', '--input', replies);
  const [whole] = JSON.parse(await run('alice', 'fragments', 'list', '--json')) as { id: string; ready: boolean }[];
  expect(whole?.ready).toBe(true);
  expect((await run('alice', 'fragments', 'assemble', whole?.id ?? '')).trim()).toBe(LONG);
}, 60_000);

test('the demo tells of it in short', async () => {
  const { status, out, err } = await overhear(() => runPostern(['demo', 'mix']));
  expect({ status, err }).toEqual({ status: 0, err: '' });
  expect(out).toMatch(/hop 6: [A-Z][a-z]+ +has [0-9a-f]{12}…, keeps it until it mixes, delivers it/);
  expect(out).toContain('bob reads: The gate at the back is open tonight.');
  expect(out).toContain('alice reads: I shall be there. Who are you?');
}, 60_000);

test('it stays open until it is told to stop', async () => {
  const printed = Promise.withResolvers<void>();
  const ended = overhear(async () => {
    const write = process.stdout.write;
    process.stdout.write = (text: string | Uint8Array) => {
      if (String(text).includes('Ctrl-C')) printed.resolve();
      return write(text);
    };
    return runPostern(['mix', 'testnet', '--no-story', '--folder', join(folder, 'other')]);
  });
  await printed.promise;
  process.emit('SIGINT');
  const { status, out } = await ended;
  expect(status).toBe(0);
  expect(out).toContain('postern mix send --to bob@mix.test --home');
});

test.each([
  ['SIGTERM', 'keys are made', () => new Promise<RsaPrivateKey>(() => {})],
  ['SIGHUP', 'the story is told', undefined],
] as const)(
  '%s while %s leaves nothing behind',
  async (signal, _when, generate) => {
    const temporary = await mkdtemp(join(folder, 'tmp-'));
    vi.stubEnv('TMPDIR', temporary);
    const keys = vi.mocked(RsaPrivateKey.generate);
    if (generate) keys.mockImplementation(generate);
    try {
      const ended = overhear(() => runPostern(['mix', 'testnet', '--speed', '1']));
      const made = () => readdir(temporary, { recursive: true });
      // At this speed the first letter takes hours.
      await expect
        .poll(made, { timeout: 30_000 })
        .toContainEqual(expect.stringMatching(generate ? 'store.db' : 'alice/mix/mix.toml'));
      process.emit(signal);
      expect(await ended).toMatchObject({ status: 0, err: '' });
      expect(await made()).toEqual([]);
    } finally {
      vi.unstubAllEnvs();
      keys.mockImplementation(readyKeys());
    }
  },
  60_000,
);
