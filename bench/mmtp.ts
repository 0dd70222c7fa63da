// Packets over links between two threads, beside the same octets over bare TLS.

import { connect } from 'node:tls';
import { Worker } from 'node:worker_threads';
import { systemRandom } from '../src/base/random.ts';
import { SECOND, systemClock } from '../src/base/time.ts';
import { RsaPrivateKey } from '../src/crypto/rsa.ts';
import { makeLinkCertificates } from '../src/mixminion/mmtp/certificates.ts';
import { Courier } from '../src/mixminion/mmtp/courier.ts';
import { ANSWER_LENGTH, BODY_LENGTH, UNIT_LENGTH } from '../src/mixminion/mmtp/wire.ts';
import { type Bench, median, percentile, stopwatch } from './harness.ts';
import type { ReceiverPorts } from './mmtp/receiver.ts';

const ROUNDS = 5;
const ROUND = SECOND;
const CONNECTIONS = 4;
const WINDOW = 6; // as many as MMTP has on their way

export const bench: Bench = {
  about: 'MMTP: packets a second over TLS between two threads, both sides hashing, nothing kept',
  async run(report) {
    const identity = await RsaPrivateKey.generate(2048);
    const certificates = await makeLinkCertificates({ nickname: 'Bench', identity, now: Date.now() });
    const receiver = new Worker(new URL('./mmtp/receiver.ts', import.meta.url), { workerData: certificates });
    const ports = await new Promise<ReceiverPorts>((resolve, reject) => {
      receiver.once('message', resolve);
      receiver.once('error', reject);
    });
    const hop = { host: '127.0.0.1', port: ports.mmtp, keyId: identity.publicKey.digest };
    const packet = systemRandom.bytes(BODY_LENGTH);
    const couriers = Array.from(
      { length: CONNECTIONS },
      () => new Courier({ clock: systemClock, random: systemRandom, linger: 60 * SECOND }),
    );
    const bare = await Promise.all(couriers.map(() => openBare(ports.bare)));
    const rates: { mmtp: number; bare: number }[] = [];
    const waits: number[] = [];
    try {
      for (let round = 0; round <= ROUNDS; round += 1) {
        report.progress(round === 0 ? 'warming up' : `round ${round} of ${ROUNDS}`);
        const mmtp = await perSecond(couriers.map((courier) => () => courier.send(hop, packet)));
        if (round > 0) rates.push({ mmtp: mmtp.rate, bare: (await perSecond(bare.map(({ turn }) => turn))).rate });
        if (round > 0) waits.push(...mmtp.waits);
      }
    } finally {
      await Promise.all(couriers.map((courier) => courier.close(SECOND)));
      for (const { end } of bare) end();
      await receiver.terminate();
    }
    const rate = median(rates.map(({ mmtp }) => mmtp));
    const limit = median(rates.map((row) => row.bare));
    report.figure({ name: 'packets, bare TLS beside', value: rate, unit: '/s', limit, ratio: rate / limit });
    for (const percent of [50, 99])
      report.figure({
        name: `from handing over to answer, p${percent}`,
        value: percentile(waits, percent),
        unit: 'ms',
      });
  },
};

/** Each lane keeps a window of calls under way for one round. */
async function perSecond(lanes: readonly (() => Promise<unknown>)[]): Promise<{ rate: number; waits: number[] }> {
  const waits: number[] = [];
  const elapsed = stopwatch();
  await Promise.all(
    lanes.flatMap((call) =>
      Array.from({ length: WINDOW }, async () => {
        while (elapsed() < ROUND) {
          const wait = stopwatch();
          await call();
          waits.push(wait());
        }
      }),
    ),
  );
  return { rate: (waits.length * SECOND) / elapsed(), waits };
}

/** A connection whose `turn` sends the octets of a unit and waits for those of an answer. */
async function openBare(port: number): Promise<{ turn: () => Promise<void>; end: () => void }> {
  const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false });
  await new Promise<void>((resolve, reject) => {
    socket.once('secureConnect', resolve);
    socket.once('error', reject);
  });
  socket.setNoDelay(true);
  const unit = systemRandom.bytes(UNIT_LENGTH);
  const waiting: (() => void)[] = [];
  let held = 0;
  socket.on('data', (chunk) => {
    for (held += chunk.length; held >= ANSWER_LENGTH; held -= ANSWER_LENGTH) waiting.shift()?.();
  });
  return {
    turn: () =>
      new Promise((resolve) => {
        waiting.push(resolve);
        socket.write(unit);
      }),
    end: () => socket.destroy(),
  };
}
