// CMTP as its users load it: durable messages of three sizes beside raw fsync, keys and xzibits beside a bare TCP server.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { systemRandom } from '../src/base/random.ts';
import { askOffice } from '../src/cli/ask-office.ts';
import { SEAL_OVERHEAD } from '../src/cmtp/crypto/box.ts';
import { type KeyPair, makeKeyPair, sign, verify } from '../src/cmtp/crypto/keys.ts';
import { sealXzibit } from '../src/cmtp/crypto/xzibit.ts';
import { formatMessage } from '../src/cmtp/wire/message.ts';
import { makeDataFolder, startOffice } from '../test/support/office.ts';
import { type Bench, callsPerSecond, median, percentile, type Report, stopwatch } from './harness.ts';
import { rawSyncsPerSecond } from './raw-sync.ts';

const ECHO = fileURLToPath(new URL('./cmtp/echo.ts', import.meta.url));
const ROUNDS = 5;
const ROUND_MS = 1000;
const ACCOUNT = 'reader';
const DOMAIN = 'localhost';
/** Octets of a body, and what the old reference server did in a second, syncing nothing. */
const SIZES = [
  { kib: 1, before: '459-791/s' },
  { kib: 10, before: '55/s' },
  { kib: 100, before: '4-5/s' },
] as const;
const KEYS_BEFORE = '17,657/s';
const SUCCESS_LENGTH = 73;
const KEY_LENGTH = 102;
const XZIBIT_LENGTH = 228;
const SENDERS = [1, 16];
const ASKERS = 8;
/** Questions sent at once, where a client does not wait for each answer. */
const AHEAD = 32;
const NO_LIMITS = `
[cmtp]
mail_rate = "1000000/s"
key_rate = "10000000/s"
login_rate = "10000000/s"
mailbox_messages = 1000000
mailbox_size = "100 GiB"
connections = 1000
connections_per_address = 1000
`;

export const bench: Bench = {
  about:
    'durable CMTP mail of 1, 10 and 100 KiB beside raw fsync; keys and xzibits beside a bare TCP server; raw Ed25519',
  async run(report) {
    await using folder = await makeDataFolder(NO_LIMITS);
    const office = await startOffice(folder.path);
    const echo = spawn(process.execPath, [ECHO], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      const user = makeKeyPair(systemRandom);
      await enrol(folder.path, user);
      const port = office.port('CMTP');
      await mailing(port, report);
      const [line] = await once(echo.stdout, 'data');
      await asking(port, Number(String(line)), report);
      signing(user, report);
    } finally {
      echo.kill();
      await office.end('SIGTERM');
    }
  },
};

async function enrol(folder: string, user: KeyPair): Promise<void> {
  const xzibit = await sealXzibit(user, 'bench', systemRandom);
  const keys = { publicKey: user.publicKey.toString('hex'), xzibit: xzibit.toString('hex') };
  await askOffice(folder, 'cmtp', 'account.add', { account: ACCOUNT, ...keys });
}

async function mailing(port: number, report: Report): Promise<void> {
  for (const { kib, before } of SIZES) {
    const size = kib * 1024;
    for (const senders of SENDERS) {
      const who = senders === 1 ? '1 client' : `${senders} clients`;
      const [rates, syncs, times]: [number[], number[], number[]] = [[], [], []];
      for (let round = 1; round <= ROUNDS; round += 1) {
        report.progress(`MAIL ${kib} KiB, ${who}, round ${round} of ${ROUNDS}`);
        // In turns, so that a slow spell of the disk meets both sides.
        syncs.push(await rawSyncsPerSecond(size, ROUND_MS));
        const elapsed = stopwatch();
        const sent = await Promise.all(
          Array.from({ length: senders }, () => converse(port, SUCCESS_LENGTH, mailOf(size))),
        );
        rates.push((sent.flat().length * 1000) / elapsed());
        times.push(...sent.flat());
      }
      const [value, limit] = [median(rates), median(syncs)];
      const name = `MAIL ${kib} KiB, ${who}, beside raw fsync (the old server: ${before}, not synced)`;
      report.figure({ name, value, unit: '/s', limit, ratio: value / limit });
      report.figure({ name: `MAIL ${kib} KiB, ${who}, p50`, value: percentile(times, 50), unit: 'ms' });
      report.figure({ name: `MAIL ${kib} KiB, ${who}, p99`, value: percentile(times, 99), unit: 'ms' });
    }
  }
}

/** A message of its own each time: the same octets again would be taken for the same message. */
function mailOf(size: number): () => Buffer {
  const place = { account: ACCOUNT, domain: DOMAIN };
  const parts = { version: 1, to: place, from: place, log: Buffer.alloc(0), attachments: [] };
  const octets = Buffer.concat([
    Buffer.from('MAIL\0'),
    formatMessage({ ...parts, body: systemRandom.bytes(size + SEAL_OVERHEAD) }),
  ]);
  let count = 0;
  return () => {
    count += 1;
    octets.writeUInt32BE(count, octets.length - 4);
    return octets;
  };
}

async function asking(port: number, echo: number, report: Report): Promise<void> {
  const key = Buffer.from(`KEYREQUEST\0${ACCOUNT}\0${DOMAIN}\0`);
  const xzibit = Buffer.from(`LOGIN\0${ACCOUNT}\0`);
  const many = (question: Buffer) => Buffer.concat(Array<Buffer>(AHEAD).fill(question));
  const works = {
    key: () => converse(port, KEY_LENGTH, () => key),
    keysAhead: () => converse(port, KEY_LENGTH * AHEAD, () => many(key)),
    xzibit: () => converse(port, XZIBIT_LENGTH, () => xzibit),
    echo: () => converse(echo, KEY_LENGTH, () => key),
  };
  const rates: Record<keyof typeof works, number[]> = { key: [], keysAhead: [], xzibit: [], echo: [] };
  for (let round = 1; round <= ROUNDS; round += 1) {
    for (const [name, work] of Object.entries(works) as [keyof typeof works, () => Promise<number[]>][]) {
      report.progress(`questions, round ${round} of ${ROUNDS}`);
      const elapsed = stopwatch();
      const answers = (await Promise.all(Array.from({ length: ASKERS }, work))).flat().length;
      rates[name].push(((name === 'keysAhead' ? answers * AHEAD : answers) * 1000) / elapsed());
    }
  }
  const limit = median(rates.echo);
  const figure = (name: string, value: number) =>
    report.figure({ name, value, unit: '/s', limit, ratio: value / limit });
  const who = `${ASKERS} clients, beside a bare TCP server`;
  figure(`KEYREQUEST, ${who} (the old server: ${KEYS_BEFORE})`, median(rates.key));
  figure(`KEYREQUEST, ${AHEAD} asked at once, ${who}`, median(rates.keysAhead));
  figure(`LOGIN, ${who}`, median(rates.xzibit));
}

/** What one signature for each answer would cost, if it were not made once. */
function signing(user: KeyPair, report: Report): void {
  const message = user.publicKey;
  const signature = sign(message, user);
  report.figure({
    name: 'Ed25519, sign 32 octets',
    value: callsPerSecond(() => sign(message, user), ROUND_MS),
    unit: '/s',
  });
  const verified = callsPerSecond(() => verify(signature, message, user.publicKey), ROUND_MS);
  report.figure({ name: 'Ed25519, verify 32 octets', value: verified, unit: '/s' });
}

/**
 * Says something, waits for all of its answer, and says the next, for a round. Gives the milliseconds of each. As lean as can be, since
 * it shares the machine with the server.
 */
function converse(port: number, answerLength: number, next: () => Buffer): Promise<number[]> {
  return new Promise((resolve, reject) => {
    const times: number[] = [];
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    const all = stopwatch();
    let one = stopwatch();
    let missing = 0;
    const say = () => {
      one = stopwatch();
      missing = answerLength;
      socket.write(next());
    };
    socket.once('connect', say);
    socket.on('data', (chunk: Buffer) => {
      if (missing === answerLength && chunk[0] !== 0 && chunk[0] !== 0x53) reject(new Error('the server says no')); // "S"
      missing -= chunk.length;
      if (missing > 0) return;
      times.push(one());
      if (all() < ROUND_MS) return say();
      socket.destroy();
      resolve(times);
    });
    socket.once('error', reject);
    socket.once('end', () => reject(new Error('the server went away')));
  });
}
