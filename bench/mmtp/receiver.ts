// The thread that packets are sent to: one port speaks MMTP and keeps nothing, the other is bare TLS that answers each unit's
// number of octets with as many as an answer has.

import type { AddressInfo } from 'node:net';
import { createServer } from 'node:tls';
import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../../src/base/time.ts';
import type { LinkCertificates } from '../../src/mixminion/mmtp/certificates.ts';
import { mmtpPort } from '../../src/mixminion/mmtp/port.ts';
import { ANSWER_LENGTH, UNIT_LENGTH } from '../../src/mixminion/mmtp/wire.ts';
import { Ports } from '../../src/net/ports.ts';

/** Where the two ports are. */
export interface ReceiverPorts {
  readonly mmtp: number;
  readonly bare: number;
}

const certificates: LinkCertificates = workerData;
const ports = new Ports();
await ports.use([
  mmtpPort({
    at: { host: '127.0.0.1', port: 0 },
    certificates,
    room: { receive: async () => 'received', padding: () => {} },
    limits: { connections: 100 },
    clock: systemClock,
  }),
]);
const answer = Buffer.alloc(ANSWER_LENGTH);
const bare = createServer({ key: certificates.key, cert: certificates.chain, minVersion: 'TLSv1.3' }, (socket) => {
  let held = 0;
  socket.setNoDelay(true);
  socket.on('error', () => {});
  socket.on('data', (chunk) => {
    for (held += chunk.length; held >= UNIT_LENGTH; held -= UNIT_LENGTH) socket.write(answer);
  });
});
bare.listen(0, '127.0.0.1', () => {
  const { port } = bare.address() as AddressInfo;
  parentPort?.postMessage({ mmtp: ports.listening[0]?.at.port ?? 0, bare: port } satisfies ReceiverPorts);
});
