// Opens the TLS link to another server and makes sure that it is the right one.   spec: mixminion-mmtp 1

import { X509Certificate } from 'node:crypto';
import { lookup } from 'node:dns';
import type { Socket } from 'node:net';
import { type ConnectionOptions, connect, type DetailedPeerCertificate, type TLSSocket } from 'node:tls';
import { messageOf } from '../../base/errors.ts';
import { systemRandom } from '../../base/random.ts';
import type { Clock } from '../../base/time.ts';
import { openSocket } from '../../net/dial.ts';
import { type Endpoint, formatEndpoint } from '../../net/endpoint.ts';
import { NetError } from '../../net/errors.ts';
import { isolated } from '../../net/socks-url.ts';
import { checkLinkCertificates } from './certificates.ts';
import { MmtpError } from './errors.ts';

/** A server to connect to. */
export interface Hop {
  readonly host: string;
  readonly port: number;
  /** SHA-1 of its identity key, 20 octets; zeros accept any server. */
  readonly keyId: Uint8Array;
  readonly nickname?: string;
}

const MAX_CHAIN = 3; // one more than a server may show, so that we see it

const CURRENT: ConnectionOptions = { minVersion: 'TLSv1.2' };

/**
 * What servers of the old family can do: TLS 1.0 (1.2 where they were built against newer libraries), one suite, SHA-1
 * and 1024-bit link keys, which OpenSSL takes at its lowest level only.   spec: mixminion-mmtp 1.2
 */
const COMPAT: Readonly<Record<'mixminion-0.0.8', ConnectionOptions>> = {
  'mixminion-0.0.8': { minVersion: 'TLSv1', maxVersion: 'TLSv1.2', ciphers: 'DHE-RSA-AES128-SHA:@SECLEVEL=0' },
};

export interface LinkOptions {
  readonly clock: Clock;
  /** For all of it, in milliseconds. */
  readonly timeout: number;
  /** Also speaks the weak TLS of the old servers; never without being told to. */
  readonly compat?: 'mixminion-0.0.8' | undefined;
  /** A SOCKS5 proxy, which looks up the name; each link shows it another user, so that tor gives it a circuit of its own. */
  readonly proxy?: Endpoint | undefined;
}

/** Throws MmtpError `mmtp-network`, `mmtp-timeout` or `mmtp-auth`. Nothing was sent inside TLS when it throws. */
export async function openLink(hop: Hop, options: LinkOptions): Promise<TLSSocket> {
  const { clock, timeout, compat, proxy } = options;
  const where = formatEndpoint(hop);
  const began = clock.now();
  const through = proxy && (await openTunnel(hop, proxy, options));
  const left = Math.max(1, timeout - (clock.now() - began));
  const socket = connect({
    ...(compat === undefined ? CURRENT : COMPAT[compat]),
    ...(through === undefined ? { host: hop.host, port: hop.port } : { socket: through }),
    servername: '', // an identity key is looked for, not a name: no need to tell it to who listens
    rejectUnauthorized: false, // `checkLinkCertificates` decides
    // spec: mixminion-mmtp 5: IPv4 before IPv6
    lookup: (name, options, found) => lookup(name, { ...options, order: 'ipv4first' }, found),
  });
  socket.setNoDelay(true);
  let late = false;
  const cancel = clock.timer(left, () => {
    late = true;
    socket.destroy();
  });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('secureConnect', resolve);
      socket.once('error', reject);
      socket.once('close', () => reject(new Error('the server closed the connection during the TLS handshake')));
    });
    checkLinkCertificates(chainOf(socket), hop.keyId, clock.now());
    return socket;
  } catch (cause) {
    socket.on('error', () => {}); // what the socket may still say while it goes
    socket.destroy();
    if (cause instanceof MmtpError) throw cause;
    if (late) throw new MmtpError('mmtp-timeout', `${where} does not answer`, { cause });
    throw new MmtpError('mmtp-network', `cannot reach ${where}: ${messageOf(cause)}`, { cause });
  } finally {
    cancel();
  }
}

async function openTunnel({ host, port }: Hop, proxy: Endpoint, { clock, timeout }: LinkOptions): Promise<Socket> {
  try {
    return await openSocket({ to: { host, port }, proxy: isolated(proxy, systemRandom), clock, timeout });
  } catch (cause) {
    if (cause instanceof NetError) throw new MmtpError('mmtp-network', cause.message, { cause });
    throw cause;
  }
}

function chainOf(socket: TLSSocket): X509Certificate[] {
  const chain: X509Certificate[] = [];
  let next: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  // A certificate that signed itself names itself as its issuer.
  for (let last: Buffer | undefined; next?.raw && chain.length < MAX_CHAIN; next = next.issuerCertificate) {
    if (last?.equals(next.raw)) break;
    last = next.raw;
    chain.push(new X509Certificate(next.raw));
  }
  return chain;
}
