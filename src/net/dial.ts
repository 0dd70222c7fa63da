// The way out: TCP, or SOCKS5 where a proxy such as tor also resolves the name, then TLS with a pinned key.

import { connect, type Socket } from 'node:net';
import { messageOf } from '../base/errors.ts';
import { type Clock, SECOND, systemClock } from '../base/time.ts';
import { Connection, type Trace } from './connection.ts';
import { type Endpoint, formatEndpoint } from './endpoint.ts';
import { NetError } from './errors.ts';
import { handshake } from './handshake.ts';

export interface SocksProxy extends Endpoint {
  /** tor gives each user and password a circuit of its own. */
  readonly user?: string;
  readonly password?: string;
}

export interface DialOptions {
  readonly to: Endpoint;
  /** The name is resolved by the proxy; this machine never looks it up. */
  readonly proxy?: SocksProxy | undefined;
  /** SHA-256 of the server's SubjectPublicKeyInfo; without it any key is taken, and the caller reads it off `peer.serverKey`. */
  readonly pin?: Uint8Array | undefined;
  /** For all of it: proxy, TCP and TLS. 60 s when not given. */
  readonly timeout?: number;
  readonly clock?: Clock;
  readonly trace?: Trace;
}

/** Opens a TLS connection. Nothing is sent to a server whose key is not `pin`: that throws NetError `tls`. */
export async function dial(options: DialOptions): Promise<Connection> {
  const { to, pin, clock = systemClock, timeout = 60 * SECOND, trace } = options;
  const until = clock.now() + timeout;
  const plain = await openSocket(options);
  const left = Math.max(1, until - clock.now());
  const secured = await handshake(plain, clock, { side: 'client', host: to.host, pin, timeout: left }).catch(
    (cause) => {
      throw cause instanceof NetError && cause.code === 'tls' ? cause : unreachable(options, messageOf(cause), cause);
    },
  );
  const { socket, serverKey } = secured;
  return new Connection(socket, { clock, trace, peer: { address: socket.remoteAddress, serverKey } });
}

/** Opens a connection in the clear, for a protocol that upgrades in band (`Connection.secure`) or has no TLS. */
export async function dialPlain(options: Omit<DialOptions, 'pin'>): Promise<Connection> {
  const { clock = systemClock, trace } = options;
  const socket = await openSocket(options);
  return new Connection(socket, { clock, trace, peer: { address: socket.remoteAddress } });
}

/** The bare socket, over TCP or through the proxy. Throws NetError `unreachable`. */
export async function openSocket(options: Omit<DialOptions, 'pin' | 'trace'>): Promise<Socket> {
  const { to, proxy, clock = systemClock, timeout = 60 * SECOND } = options;
  let socket: Socket | undefined;
  let late = false;
  const cancel = clock.timer(timeout, () => {
    late = true;
    socket?.destroy(new Error('timed out'));
  });
  try {
    socket = proxy ? await throughProxy(proxy, to, timeout) : await direct(to, (made) => (socket = made));
    if (late) throw new Error('timed out');
    socket.setNoDelay(true);
    return socket;
  } catch (cause) {
    socket?.destroy();
    throw unreachable(options, late ? 'it does not answer' : messageOf(cause), cause);
  } finally {
    cancel();
  }
}

function unreachable({ to, proxy }: Pick<DialOptions, 'to' | 'proxy'>, why: string, cause: unknown): NetError {
  return new NetError('unreachable', `cannot reach ${formatEndpoint(to)}: ${why}`, {
    cause,
    remedy: proxy
      ? `is the proxy at ${formatEndpoint(proxy)} running, and the address right?`
      : 'is the address right, and the server running?',
  });
}

function direct(to: Endpoint, made: (socket: Socket) => void): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: to.host, port: to.port });
    made(socket);
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      resolve(socket);
    });
  });
}

async function throughProxy(proxy: SocksProxy, to: Endpoint, timeout: number): Promise<Socket> {
  const { SocksClient } = await import('socks'); // few need it, and it takes a while
  const { socket } = await SocksClient.createConnection({
    command: 'connect',
    destination: { host: to.host, port: to.port },
    timeout,
    proxy: {
      host: proxy.host,
      port: proxy.port,
      type: 5,
      ...(proxy.user === undefined ? {} : { userId: proxy.user }),
      ...(proxy.password === undefined ? {} : { password: proxy.password }),
    },
  });
  return socket;
}
