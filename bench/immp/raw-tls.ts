// What TLS alone costs on this machine: a server that sends as much as it is asked for (an octet: so many MiB), and otherwise waits.

import { createServer } from 'node:tls';
import { makeSelfSigned, makeTlsKey } from '../../src/net/tls-identity.ts';

const CHUNK = Buffer.alloc(64 * 1024, 7);
const CHUNKS_IN_MIB = 16;

const { key, certificate: cert } = await makeSelfSigned('localhost', makeTlsKey(), Date.now());
const server = createServer({ key, cert, minVersion: 'TLSv1.3' }, (socket) => {
  socket.on('error', () => {});
  socket.on('data', ([mebibytes = 0]) => {
    let left = mebibytes * CHUNKS_IN_MIB;
    const send = () => {
      while (left > 0) {
        left -= 1;
        if (!socket.write(CHUNK)) return void socket.once('drain', send);
      }
    };
    send();
  });
});
server.listen(0, '127.0.0.1', 8192, () => {
  const at = server.address();
  if (typeof at === 'object') console.log(at?.port);
});
