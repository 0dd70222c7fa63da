// What one remailer carries: packets over TLS in, kept on the disk, opened in worker threads, mixed, and over TLS out, beside
// what the cores could do if there were nothing but RSA.

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '../src/base/log.ts';
import { noMetrics } from '../src/base/metrics.ts';
import { systemRandom } from '../src/base/random.ts';
import { DAY, HOUR, SECOND, sleep, systemClock } from '../src/base/time.ts';
import { RsaPrivateKey } from '../src/crypto/rsa.ts';
import { makeLinkCertificates } from '../src/mixminion/mmtp/certificates.ts';
import { Courier } from '../src/mixminion/mmtp/courier.ts';
import { mmtpPort } from '../src/mixminion/mmtp/port.ts';
import { fileDisk } from '../src/mixminion/node/disk/file-disk.ts';
import { MixNode } from '../src/mixminion/node/node.ts';
import { RELAY_WAITS } from '../src/mixminion/node/outgoing/retry.ts';
import { Statistics } from '../src/mixminion/node/statistics.ts';
import { workerUnwrapper } from '../src/mixminion/node/unwrap/workers.ts';
import { Ports } from '../src/net/ports.ts';
import { systemResolver } from '../src/net/resolver.ts';
import { type Bench, median, type Report } from './harness.ts';
import { rawRsa } from './relay/raw-rsa.ts';
import type { Command, Message } from './relay/traffic.ts';

const ROUNDS = 3;
const PACKETS = 12_000;
const WARM_UP = 2000;
const PEERS = 16;
/** Sent at half the highest rate, to see the time of a packet when no queue is in its way. */
const PACED = 4000;
const RSA_MS = 2000;
/** Mixing as good as at once, so that the time of a packet is the time of the work on it. */
const MIX_EVERY = 5;

export const bench: Bench = {
  about: 'packets through one remailer, everything durable, beside raw RSA on all cores',
  run,
};

async function run(report: Report): Promise<void> {
  const cores = availableParallelism();
  const folder = await mkdtemp(join(tmpdir(), 'postern-bench-'));
  const traffic = fork(join(import.meta.dirname, 'relay', 'traffic.ts'), { serialization: 'advanced' });
  const relay = await startRelay(folder, cores);
  try {
    report.progress('making packets');
    const packetKey = relay.key.publicKey.toDer().toString('hex');
    await ask(traffic, { make: { packets: WARM_UP + ROUNDS * PACKETS + PACED, nextHops: PEERS, packetKey } });
    await sendThrough(traffic, relay.port, WARM_UP);
    const rounds: { raw: number; rate: number; rsa: number; own: number; others: number }[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      report.progress(`round ${round + 1}`);
      const { rate: raw, cpu: rsa } = await rawRsa(cores, RSA_MS);
      const before = process.cpuUsage();
      const sent = await sendThrough(traffic, relay.port, PACKETS);
      const { user, system } = process.cpuUsage(before);
      const own = (user + system) / 1000 / PACKETS;
      rounds.push({ raw, rate: (1000 * PACKETS) / sent.ms, rsa, own, others: (1000 * sent.cpu) / PACKETS });
    }
    const middle = (name: keyof (typeof rounds)[number]) => median(rounds.map((round) => round[name]));
    const limit = middle('raw');
    report.figure({ name: `RSA-2048 private operations on ${cores} cores`, value: limit, unit: '/s' });
    report.figure({
      name: 'packets relayed, each synced twice',
      value: middle('rate'),
      unit: '/s',
      limit,
      ratio: middle('rate') / limit,
    });
    // The sender and the receiver have to live on the same cores: so what the remailer takes of them is told apart.
    const rsaPerSecond = 1000 / middle('rsa');
    const ownPerSecond = 1000 / middle('own');
    report.figure({
      name: 'RSA-2048 private operations in a second of processor time',
      value: rsaPerSecond,
      unit: '/s',
    });
    report.figure({
      name: 'packets in a second of the remailer’s processor time',
      value: ownPerSecond,
      unit: '/s',
      limit: rsaPerSecond,
      ratio: ownPerSecond / rsaPerSecond,
    });
    report.figure({ name: 'processor time of the remailer for a packet', value: middle('own'), unit: 'ms' });
    report.figure({ name: 'processor time of sender and receiver for a packet', value: middle('others'), unit: 'ms' });
    report.progress('half the load');
    const paced = await sendThrough(traffic, relay.port, PACED, middle('rate') / 2);
    report.figure({ name: 'at half that load, in to out: 50 % within', value: paced.median, unit: 'ms' });
    report.figure({ name: 'at half that load, in to out: 99 % within', value: paced.high, unit: 'ms' });
  } finally {
    traffic.kill();
    await relay.close();
    await rm(folder, { recursive: true });
  }
}

interface Relay {
  readonly port: number;
  readonly key: RsaPrivateKey;
  close(): Promise<void>;
}

async function startRelay(folder: string, cores: number): Promise<Relay> {
  const clock = systemClock;
  const [key, identity] = await Promise.all([RsaPrivateKey.generate(2048), RsaPrivateKey.generate(2048)]);
  const node = await MixNode.open(
    {
      clock,
      random: systemRandom,
      log: silentLog,
      metrics: noMetrics,
      disk: fileDisk(folder),
      unwrapper: workerUnwrapper(cores),
      carrier: new Courier({ clock, random: systemRandom, resolver: systemResolver }),
      exits: {
        accepts: () => false,
        deliver: () => Promise.reject(new Error('nothing is delivered here')),
        round: async () => {},
        waiting: async () => 0,
        close: async () => {},
      },
      keyId: identity.publicKey.digest,
    },
    { pool: { strategy: 'timed', interval: HOUR, minimum: 0, rate: 1 }, retry: RELAY_WAITS, spoolSize: 2 ** 36 },
    { keys: [key], statistics: new Statistics(DAY, clock.now()) },
  );
  const ports = new Ports();
  const certificates = await makeLinkCertificates({ nickname: 'Bench', identity, now: clock.now() });
  const limits = { connections: 100, perAddress: undefined };
  await ports.use([mmtpPort({ at: { host: '127.0.0.1', port: 0 }, certificates, room: node, limits, clock })]);
  const stop = new AbortController();
  const mixing = (async () => {
    while (!stop.signal.aborted) {
      await node.mix();
      await sleep(clock, MIX_EVERY, stop.signal);
    }
  })();
  return {
    port: ports.listening[0]?.at.port ?? 0,
    key,
    async close() {
      stop.abort();
      await mixing;
      await ports.close(0);
      await node.close(SECOND);
    },
  };
}

async function sendThrough(traffic: ChildProcess, port: number, packets: number, rate = 1_000_000) {
  const answer = await ask(traffic, { send: { packets, connections: PEERS, port, rate } });
  if (!('sent' in answer)) throw new Error('the traffic process answered something else');
  return answer.sent;
}

async function ask(traffic: ChildProcess, command: Command): Promise<Message> {
  const answered = once(traffic, 'message') as Promise<[Message]>;
  traffic.send(command);
  return (await answered)[0];
}
