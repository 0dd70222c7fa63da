// A thread that opens packets: one after another, with keys that it was given once.

import { parentPort } from 'node:worker_threads';
import { asBuffer } from '../../../base/bytes.ts';
import { RsaPrivateKey } from '../../../crypto/rsa.ts';
import { openPacket } from './open-packet.ts';
import { pack, type Reply, type Request } from './protocol.ts';
import type { Opened, Unopened } from './unwrapper.ts';

if (parentPort === null) throw new Error('worker.ts runs in a worker thread only');
const port = parentPort;
let keys: readonly RsaPrivateKey[] = [];

port.on('message', (request: Request) => {
  if (request === 'close') return port.close();
  if ('keys' in request) {
    keys = request.keys.map((key) => RsaPrivateKey.fromKeyObject(key));
    return;
  }
  const { outcome, memory } = pack(open(asBuffer(request.packet)));
  const reply: Reply = { ticket: request.ticket, outcome };
  port.postMessage(reply, memory);
});

/** A packet that finds an error of ours must not end the thread, nor come back after each start. */
function open(packet: Buffer): Opened | Unopened {
  try {
    return openPacket(packet, keys);
  } catch {
    return { result: 'failed', reason: 'internal' };
  }
}
