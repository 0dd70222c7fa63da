// What the replay log of a remailer costs as it grows: the time of a look-up, the time of an addition, and octets on the disk.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemRandom } from '../src/base/random.ts';
import { CounterRandom } from '../src/crypto/aes-ctr.ts';
import { fileDisk } from '../src/mixminion/node/disk/file-disk.ts';
import { ReplayTable } from '../src/mixminion/node/replay/replay-table.ts';
import { type Bench, percentile, type Report, stopwatch, timings } from './harness.ts';

const SIZES = [10_000, 1_000_000, 10_000_000];
const LOOKUPS = 20_000;
const HASH = 20;
const SYNC_EVERY = 20_000;

export const bench: Bench = {
  about: 'the replay log of a packet key at ten thousand, a million and ten million entries',
  run,
};

async function run(report: Report): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'postern-bench-'));
  try {
    const table = await ReplayTable.open(await fileDisk(folder).open('log'), Buffer.alloc(HASH), systemRandom);
    const hashes = new CounterRandom(Buffer.alloc(16, 1));
    let count = 0;
    for (const size of SIZES) {
      report.progress(`${size} entries`);
      const added = size - count;
      const elapsed = stopwatch();
      for (; count < size; count += 1) {
        table.add(hashes.bytes(HASH));
        if (count % SYNC_EVERY === 0) await table.sync();
      }
      await table.sync();
      const seconds = elapsed() / 1000;
      const of = `${size.toLocaleString('en')} entries`;
      lookupFigures(report, of, table);
      report.figure({ name: `${of}: added, with a sync each ${SYNC_EVERY}`, value: added / seconds, unit: '/s' });
      report.figure({ name: `${of}: on the disk`, value: table.octets / size, unit: 'octets each', limit: 64 });
    }
    report.figure({ name: 'memory of the process', value: process.memoryUsage.rss() / 2 ** 20, unit: 'MiB' });
    await table.close();
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Half of the hashes were seen before. */
function lookupFigures(report: Report, of: string, table: ReplayTable): void {
  const known = new CounterRandom(Buffer.alloc(16, 1));
  const asked = Array.from({ length: LOOKUPS }, (_, i) => (i % 2 === 0 ? known : systemRandom).bytes(HASH));
  let next = 0;
  const times = timings(() => {
    table.has(asked[next++] ?? Buffer.alloc(HASH));
  }, LOOKUPS).map((ms) => 1000 * ms);
  for (const percent of [50, 99]) {
    report.figure({ name: `${of}: look-up, ${percent} % within`, value: percentile(times, percent), unit: 'µs' });
  }
}
