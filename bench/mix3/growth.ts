// Whether a mix that runs grows: the memory before and after so many packets, with the garbage collected.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { RsaPrivateKey } from '../../src/crypto/rsa.ts';
import { unwrap } from '../../src/mixminion/packet/unwrap.ts';
import { type Report, stopwatch } from '../harness.ts';

const MIB = 1024 * 1024;
const WARM_UP = 1000;
const TELL_EVERY = 50_000;

export function growthFigures(report: Report, packet: Buffer, key: RsaPrivateKey, packets: number): void {
  report.progress(`memory over ${packets} packets`);
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  const size = () => {
    collect();
    collect();
    const { heapUsed, external, rss } = process.memoryUsage();
    return { used: heapUsed + external, rss };
  };
  const keys = [key];
  for (let count = 0; count < WARM_UP; count += 1) unwrap(packet, keys);
  const before = size();
  const elapsed = stopwatch();
  for (let count = 1; count <= packets; count += 1) {
    unwrap(packet, keys);
    if (count % TELL_EVERY === 0) report.progress(`${count} of ${packets} packets`);
  }
  report.figure({ name: 'packets opened to see whether memory grows', value: packets, unit: '' });
  report.figure({ name: 'packets opened meanwhile', value: (packets * 1000) / elapsed(), unit: '/s' });
  const after = size();
  report.figure({ name: 'growth of heap and buffers', value: (after.used - before.used) / MIB, unit: 'MiB' });
  report.figure({ name: 'growth of the process', value: (after.rss - before.rss) / MIB, unit: 'MiB' });
}
