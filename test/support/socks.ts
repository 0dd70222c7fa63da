// A SOCKS5 proxy that leads every name to one port of this machine, and remembers what it was asked (RFC 1928, 1929).

import { connect, createServer, type Socket } from 'node:net';

const VERSION = 5;
const BY_PASSWORD = 2;
const CONNECT = 1;
const DOMAIN = 3;

export interface Asked {
  readonly user: string;
  readonly password: string;
  /** 3 is a name, which the proxy resolves; 1 and 4 are addresses that the client looked up itself. */
  readonly kind: number;
  readonly host: string;
  readonly port: number;
}

export interface TestProxy extends AsyncDisposable {
  readonly port: number;
  readonly asked: readonly Asked[];
}

export async function openProxy(target: number): Promise<TestProxy> {
  const asked: Asked[] = [];
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => open.delete(socket));
    void serve(socket, asked, target, open).catch(() => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    port: typeof address === 'object' ? (address?.port ?? 0) : 0,
    asked,
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

async function serve(socket: Socket, asked: Asked[], target: number, open: Set<Socket>): Promise<void> {
  const take = reader(socket);
  const [, methods = 0] = await take(2);
  const offered = await take(methods);
  if (!offered.includes(BY_PASSWORD)) throw new Error('the client shows no user and password');
  socket.write(Buffer.from([VERSION, BY_PASSWORD]));
  const user = await counted(take, (await take(2))[1] ?? 0);
  const password = await counted(take, (await take(1))[0] ?? 0);
  socket.write(Buffer.from([1, 0]));
  const [, command, , kind = 0] = await take(4);
  if (command !== CONNECT) throw new Error('only CONNECT is known');
  const length = kind === DOMAIN ? ((await take(1))[0] ?? 0) : kind === 1 ? 4 : 16;
  const host = kind === DOMAIN ? await counted(take, length) : (await take(length)).toString('hex');
  asked.push({ user, password, kind, host, port: (await take(2)).readUInt16BE() });
  const far = connect(target, '127.0.0.1', () => {
    socket.write(Buffer.from([VERSION, 0, 0, 1, 0, 0, 0, 0, 0, 0]));
    socket.pipe(far).pipe(socket);
  });
  open.add(far);
  far.on('error', () => socket.destroy());
  far.on('close', () => open.delete(far));
}

type Take = (count: number) => Promise<Buffer>;

async function counted(take: Take, count: number): Promise<string> {
  return (await take(count)).toString('latin1');
}

/** Exactly so many octets, as often as it is asked. */
function reader(socket: Socket): Take {
  return async (count) => {
    for (;;) {
      if (count === 0) return Buffer.alloc(0);
      const octets: Buffer | null = socket.read(count);
      if (octets !== null) return octets;
      await new Promise<void>((resolve, reject) => {
        socket.once('readable', resolve);
        socket.once('close', () => reject(new Error('the client went away')));
      });
    }
  };
}
