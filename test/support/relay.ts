// A wire between client and server that a test can cut, or lead to another server.

import { connect, createServer, type Socket } from 'node:net';

export interface Relay extends AsyncDisposable {
  readonly port: number;
  /** Where new connections lead. */
  target: number;
  /** Cuts each of the next connections after so many octets from the server; once each, in order. */
  readonly cuts: number[];
  /** Connections so far. */
  readonly connections: number;
}

export async function openRelay(target: number): Promise<Relay> {
  const cuts: number[] = [];
  const open = new Set<Socket>();
  let connections = 0;
  const server = createServer((near) => {
    connections += 1;
    const far = connect(relay.target, '127.0.0.1');
    let left = cuts.shift() ?? Number.POSITIVE_INFINITY;
    for (const socket of [near, far]) {
      open.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        open.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    near.pipe(far);
    far.on('data', (chunk) => {
      near.write(chunk.subarray(0, left));
      left -= chunk.length;
      if (left <= 0) near.end(() => near.destroy());
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const relay = {
    port: typeof address === 'object' ? (address?.port ?? 0) : 0,
    target,
    cuts,
    get connections() {
      return connections;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
  return relay;
}
