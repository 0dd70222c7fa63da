// What packets cost: one hop beside the RSA operation that it cannot do without, building, and two properties that a
// rate does not show: that the time of a refusal does not tell why, and that a mix that runs does not grow.

import { constants, createPrivateKey, createPublicKey, privateDecrypt, publicEncrypt } from 'node:crypto';
import { systemRandom } from '../../src/base/random.ts';
import { CryptoError } from '../../src/crypto/errors.ts';
import { oaepPad } from '../../src/crypto/oaep.ts';
import { RsaPrivateKey } from '../../src/crypto/rsa.ts';
import { buildForwardPacket } from '../../src/mixminion/packet/build.ts';
import { PAYLOAD_LENGTH, RSA_BLOCK } from '../../src/mixminion/packet/layout.ts';
import type { PathNode } from '../../src/mixminion/packet/path.ts';
import { RoutingType } from '../../src/mixminion/packet/routing.ts';
import { unwrap } from '../../src/mixminion/packet/unwrap.ts';
import { median, percentile, type Report, ratesInTurn, stopwatch, timings } from '../harness.ts';
import { growthFigures } from './growth.ts';

// Many short rounds: on a machine that others use too, the middle one was hardly disturbed.
const ROUNDS = 61;
const ROUND_MS = 20;
const LATENCIES = 2000;
const REFUSALS = 3000;
const GROWTH_PACKETS = 30_000;

const random = { build: systemRandom, oaep: systemRandom };
const payload = systemRandom.bytes(PAYLOAD_LENGTH);
const exit = { routingType: RoutingType.SMTP, routingInfo: Buffer.alloc(40, 'a') };

interface Mix {
  readonly key: RsaPrivateKey;
  readonly node: PathNode;
}

export async function packetFigures(report: Report): Promise<void> {
  const mixes: Mix[] = await Promise.all(
    Array.from({ length: 5 }, async (_, index) => {
      const key = await RsaPrivateKey.generate(8 * RSA_BLOCK);
      const host = `mix${index}.example.net`;
      const address = { form: 'host', host, port: 48099, keyId: systemRandom.bytes(20) } as const;
      return { key, node: { address, packetKey: key.publicKey } };
    }),
  );
  const build = (hops: number) => {
    const path = mixes.slice(0, hops).map(({ node }) => node);
    return buildForwardPacket({ path1: path, path2: path, exit, payload }, random);
  };
  const [first] = mixes;
  if (first === undefined) throw new Error('there are five mixes');
  hopFigures(report, build, first.key);
  buildFigures(report, build);
  refusalFigures(report, first.key);
  growthFigures(report, build(2), first.key, GROWTH_PACKETS);
}

function hopFigures(report: Report, build: (hops: number) => Buffer, key: RsaPrivateKey): void {
  report.progress('one hop');
  const keys = [key];
  const swapped = build(1); // the first mix is crossover, and exit behind it
  const relayed = build(2);
  const crossed = unwrap(swapped, keys);
  if (crossed.result !== 'relay') throw new Error('the first mix relays');
  const delivered = crossed.packet;
  const block = relayed.subarray(0, RSA_BLOCK);
  // A key object of its own and Node's documented way of asking for no padding: what RSA alone allows any program.
  const raw = { key: createPrivateKey(key.toPem()), padding: constants.RSA_NO_PADDING };
  const rates = ratesInTurn(
    {
      raw: () => privateDecrypt(raw, block),
      ours: () => key.decrypt(block),
      relay: () => unwrap(relayed, keys),
      swap: () => unwrap(swapped, keys),
      exit: () => unwrap(delivered, keys),
    },
    ROUNDS,
    ROUND_MS,
  );
  const limit = rates.raw;
  const share = (name: string, value: number) =>
    report.figure({ name, value, unit: '/s', limit, ratio: value / limit });
  report.figure({ name: 'RSA-2048 private operation, the limit of a hop', value: limit, unit: '/s' });
  share('RSA block opened: private operation and OAEP', rates.ours);
  share('one hop, relay', rates.relay);
  share('one hop, crossover', rates.swap);
  share('one hop, exit', rates.exit);
  const times = timings(() => unwrap(relayed, keys), LATENCIES);
  for (const percent of [50, 99]) {
    report.figure({ name: `one hop, relay: ${percent} % within`, value: percentile(times, percent), unit: 'ms' });
  }
}

function buildFigures(report: Report, build: (hops: number) => Buffer): void {
  report.progress('building');
  const works = { '1+1': () => build(1), '3+3': () => build(3), '5+5': () => build(5) };
  const rates = ratesInTurn(works, ROUNDS, ROUND_MS);
  for (const [hops, value] of Object.entries(rates)) {
    report.figure({ name: `a packet built for ${hops} hops`, value, unit: '/s' });
  }
}

/** How long RSA blocks take to be refused, by what is wrong with them.   spec: mixminion-packet 7 */
function refusalFigures(report: Report, key: RsaPrivateKey): void {
  report.progress('refusals');
  const publicKey = { key: createPublicKey(key.toPem()), padding: constants.RSA_NO_PADDING };
  const seal = (padded: Buffer) => publicEncrypt(publicKey, padded);
  const good = oaepPad(systemRandom.bytes(key.publicKey.capacity), RSA_BLOCK, systemRandom);
  const firstOctet = Buffer.from(good);
  firstOctet[0] = 1;
  const label = oaepPad(systemRandom.bytes(100), RSA_BLOCK, systemRandom, Buffer.from('another label'));
  const noise = Buffer.concat([Buffer.alloc(1), systemRandom.bytes(RSA_BLOCK - 1)]);
  const blocks = [
    { fault: 'none', block: seal(good), times: [] as number[] },
    { fault: 'first octet', block: seal(firstOctet), times: [] as number[] },
    { fault: 'another label', block: seal(label), times: [] as number[] },
    { fault: 'noise', block: seal(noise), times: [] as number[] },
  ];
  for (let i = 0; i < REFUSALS; i += 1) {
    // Each takes each place in the turn, so that none always follows the same other.
    for (const { block, times } of [...blocks.slice(i % 4), ...blocks.slice(0, i % 4)]) {
      const elapsed = stopwatch();
      tryToOpen(key, block);
      times.push(elapsed());
    }
  }
  for (const { fault, times } of blocks) {
    report.figure({ name: `RSA block, fault: ${fault}: 50 % within`, value: 1000 * median(times), unit: 'µs' });
    report.figure({ name: `RSA block, fault: ${fault}: 90 % within`, value: 1000 * percentile(times, 90), unit: 'µs' });
  }
  const middles = blocks.slice(1).map(({ times }) => median(times));
  const spread = Math.max(...middles) - Math.min(...middles);
  report.figure({ name: 'medians of the faults apart by', value: 1000 * spread, unit: 'µs' });
}

function tryToOpen(key: RsaPrivateKey, block: Buffer): void {
  try {
    key.decrypt(block);
  } catch (error) {
    if (!(error instanceof CryptoError)) throw error;
  }
}
