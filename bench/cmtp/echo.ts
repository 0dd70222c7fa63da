// The raw limit of short questions: a server that reads whatever comes and answers each packet with as many octets as a key takes.
// A process of its own; prints its port.

import { createServer } from 'node:net';

const answer = Buffer.alloc(102);
const server = createServer({ noDelay: true }, (socket) => {
  socket.on('data', () => socket.write(answer));
  socket.on('error', () => socket.destroy());
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  console.log(typeof address === 'object' ? address?.port : '');
});
