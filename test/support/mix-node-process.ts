// A node as a process of its own, to be killed: takes packets on a loopback port, mixes all the time, and says its port.

import { silentLog } from '../../src/base/log.ts';
import { noMetrics } from '../../src/base/metrics.ts';
import { systemRandom } from '../../src/base/random.ts';
import { DAY, HOUR, sleep, systemClock } from '../../src/base/time.ts';
import { makeLinkCertificates } from '../../src/mixminion/mmtp/certificates.ts';
import { Courier } from '../../src/mixminion/mmtp/courier.ts';
import { mmtpPort } from '../../src/mixminion/mmtp/port.ts';
import { fileDisk } from '../../src/mixminion/node/disk/file-disk.ts';
import { MixNode } from '../../src/mixminion/node/node.ts';
import { Statistics } from '../../src/mixminion/node/statistics.ts';
import { workerUnwrapper } from '../../src/mixminion/node/unwrap/workers.ts';
import { Ports } from '../../src/net/ports.ts';
import { systemResolver } from '../../src/net/resolver.ts';
import { packetKeyOf, serverNames } from './mixminion-network.ts';

const MIX_EVERY = 15;

const [, , folder = ''] = process.argv;
const [own = '', other = ''] = serverNames;
const identity = packetKeyOf(other);
const clock = systemClock;

const node = await MixNode.open(
  {
    clock,
    random: systemRandom,
    log: silentLog,
    metrics: noMetrics,
    disk: fileDisk(folder),
    unwrapper: workerUnwrapper(1),
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
  { pool: { strategy: 'dynamic', interval: HOUR, minimum: 0, rate: 0.6 }, retry: [1, 1, HOUR], spoolSize: 2 ** 32 },
  { keys: [packetKeyOf(own)], statistics: new Statistics(DAY, clock.now()) },
);
const ports = new Ports();
await ports.use([
  mmtpPort({
    at: { host: '127.0.0.1', port: 0 },
    certificates: await makeLinkCertificates({ nickname: 'Crash', identity, now: clock.now() }),
    room: node,
    limits: { connections: 100 },
    clock,
  }),
]);
process.send?.(ports.listening[0]?.at.port);
process.on('message', () => process.send?.(node.figures));
for (;;) {
  await node.mix();
  await sleep(clock, MIX_EVERY);
}
