// TLS with certificates on both sides: what the other side shows, and whether it is to be believed.   spec: ima 2.4

import type { X509Certificate } from 'node:crypto';
import { constants } from 'node:crypto';
import { connect, type TLSSocket, type TlsOptions } from 'node:tls';
import { toHex } from '../../base/bytes.ts';
import { messageOf } from '../../base/errors.ts';
import { type Clock, SECOND } from '../../base/time.ts';
import { Connection, type Trace } from '../../net/connection.ts';
import { openSocket, type SocksProxy } from '../../net/dial.ts';
import { type Endpoint, formatEndpoint } from '../../net/endpoint.ts';
import { NetError } from '../../net/errors.ts';
import { keyFingerprint } from '../../net/tls-identity.ts';
import { ImaError } from '../errors.ts';
import { type ClientUse, checkChain, matchesHost } from './chain.ts';
import type { Roots } from './roots.ts';

const MAX_SENT = 16;
const HANDSHAKE_TIME = 60 * SECOND; // spec: ima 2.3

export interface Trust {
  readonly roots: Roots;
  readonly clientUse: ClientUse;
  /** SHA-256 of SubjectPublicKeyInfos, lower-case hex, by hostpart: one of them must be the peer's.   spec: ima 2.4 */
  readonly pins: ReadonlyMap<string, readonly string[]>;
}

/** PEM. */
export interface OwnCertificate {
  readonly certificate: string;
  readonly key: string;
}

export interface PeerCertificate {
  readonly leaf: X509Certificate;
  /** What was sent along, in the order of the chain. */
  readonly others: readonly X509Certificate[];
}

/** For a listener: the client's certificate is asked for, and judged by us. Sessions are not resumed, since they come without a chain. */
export const ASK_FOR_CERTIFICATE: TlsOptions = {
  requestCert: true,
  rejectUnauthorized: false,
  secureOptions: constants.SSL_OP_NO_TICKET,
};

/** Undefined when the other side shows none. */
export function peerCertificate(socket: TLSSocket): PeerCertificate | undefined {
  const leaf = socket.getPeerX509Certificate();
  if (leaf === undefined) return undefined;
  const others: X509Certificate[] = [];
  for (
    let next = leaf.issuerCertificate;
    next !== undefined && others.length < MAX_SENT;
    next = next.issuerCertificate
  ) {
    others.push(next);
  }
  return { leaf, others };
}

/** `1.3`, as the `received` header has it. */
export function tlsVersion(socket: TLSSocket): string {
  return socket.getProtocol()?.replace('TLSv', '') ?? '-';
}

/** SHA-256 of the key, lower-case hex. */
export function keyOf({ leaf }: PeerCertificate): string {
  return toHex(keyFingerprint(leaf.publicKey));
}

/** Whether this certificate may speak for the hostpart; the chain was checked before. */
export function speaksFor(peer: PeerCertificate, host: string, { pins }: Trust): boolean {
  const pinned = pins.get(host.toLowerCase());
  return matchesHost(peer.leaf, host) && (pinned === undefined || pinned.includes(keyOf(peer)));
}

export interface ImaDial {
  readonly to: Endpoint;
  /** The hostpart that the server must be good for.   spec: ima 2.4 */
  readonly host: string;
  readonly trust: Trust;
  /** Left out: no certificate is shown. */
  readonly own?: OwnCertificate | undefined;
  readonly clock: Clock;
  readonly proxy?: SocksProxy | undefined;
  /** For the connection and the handshake; 60 s when not given. */
  readonly timeout?: number;
  readonly trace?: Trace | undefined;
}

/** Throws ImaError `certificate` when the server is not who it should be, `later` when it is away; nothing is sent then. */
export async function dialIma(options: ImaDial): Promise<Connection> {
  const { to, host, trust, own, clock, proxy, trace, timeout = HANDSHAKE_TIME } = options;
  const until = clock.now() + timeout;
  const plain = await openSocket({ to, clock, proxy, timeout }).catch((cause: unknown) => {
    if (cause instanceof NetError) throw new ImaError('later', cause.message, { cause });
    throw cause;
  });
  const socket = connect({
    socket: plain,
    servername: host,
    minVersion: 'TLSv1.2',
    rejectUnauthorized: false, // judged below
    ...(own === undefined ? {} : { cert: own.certificate, key: own.key }),
  });
  socket.on('error', () => {}); // later failures are seen by the connection
  const cancel = clock.timer(until - clock.now(), () => socket.destroy(new Error('the TLS handshake takes too long')));
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.once('close', () => reject(new Error('the server closed the connection')));
      socket.once('secureConnect', resolve);
    });
    const peer = peerCertificate(socket);
    if (peer === undefined) throw new ImaError('certificate', `${host} shows no certificate`);
    checkChain(peer.leaf, peer.others, { roots: trust.roots, now: clock.now(), side: 'server' });
    if (!speaksFor(peer, host, trust)) throw new ImaError('certificate', `the certificate is not one of ${host}`);
    socket.setNoDelay(true);
    return new Connection(socket, { clock, trace, peer: { address: socket.remoteAddress, serverKey: undefined } });
  } catch (cause) {
    socket.destroy();
    if (cause instanceof ImaError) throw cause;
    throw new ImaError('later', `no secure connection to ${formatEndpoint(to)}: ${messageOf(cause)}`, { cause });
  } finally {
    cancel();
  }
}
