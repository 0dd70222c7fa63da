// The way out: TCP, or SOCKS5 where a proxy such as tor also resolves the name, then TLS with a pinned key.

import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { SocksClient } from 'socks';
import { equalBytes, toHex } from '../base/bytes.ts';
import { messageOf } from '../base/errors.ts';
import { type Clock, SECOND, systemClock } from '../base/time.ts';
import { Connection, type Trace } from './connection.ts';
import { type Endpoint, formatEndpoint } from './endpoint.ts';
import { NetError } from './errors.ts';
import { keyFingerprint } from './tls-identity.ts';

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
  const { to, pin, clock = systemClock, timeout = 60 * SECOND } = options;
  const where = formatEndpoint(to);
  let socket: Socket | undefined;
  let late = false;
  const cancel = clock.timer(timeout, () => {
    late = true;
    socket?.destroy(new Error('timed out'));
  });
  try {
    socket = options.proxy
      ? await throughProxy(options.proxy, to, timeout)
      : await direct(to, (made) => (socket = made));
    if (late) throw new Error('timed out');
    const secured = await secure(socket, to);
    socket = secured;
    const serverKey = keyOf(secured);
    if (pin !== undefined && !equalBytes(serverKey, pin)) {
      throw new NetError(
        'tls',
        `the server at ${where} shows the key ${toHex(serverKey)}, not the one that is known for it`,
        {
          remedy: 'ask its owner, by another way, whether the key was changed; somebody may be in between',
        },
      );
    }
    return new Connection(secured, {
      clock,
      trace: options.trace,
      peer: { address: secured.remoteAddress, serverKey },
    });
  } catch (cause) {
    socket?.destroy();
    if (cause instanceof NetError) throw cause;
    throw new NetError('unreachable', `cannot reach ${where}: ${late ? 'it does not answer' : messageOf(cause)}`, {
      cause,
      remedy: options.proxy
        ? `is the proxy at ${formatEndpoint(options.proxy)} running, and the address right?`
        : 'is the address right, and the server running?',
    });
  } finally {
    cancel();
  }
}

function direct(to: Endpoint, made: (socket: Socket) => void): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connectTcp({ host: to.host, port: to.port });
    made(socket);
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      resolve(socket);
    });
  });
}

async function throughProxy(proxy: SocksProxy, to: Endpoint, timeout: number): Promise<Socket> {
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

function secure(socket: Socket, to: Endpoint): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const named = isIP(to.host) === 0 && !to.host.endsWith('.onion'); // spec: smallmail 2.2
    const secured = connectTls({
      socket,
      minVersion: 'TLSv1.2',
      rejectUnauthorized: false, // the pin decides, not an authority
      ...(named ? { servername: to.host } : {}),
    });
    secured.setNoDelay(true);
    secured.once('error', reject);
    secured.once('close', () => reject(new Error('the server closed the connection during the TLS handshake')));
    secured.once('secureConnect', () => {
      secured.off('error', reject);
      resolve(secured);
    });
  });
}

function keyOf(socket: TLSSocket): Buffer {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) throw new NetError('tls', 'the server shows no certificate');
  return keyFingerprint(certificate.publicKey);
}
