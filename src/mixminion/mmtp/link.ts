// Opens the TLS link to another server and makes sure that it is the right one.   spec: mixminion-mmtp 1, 5

import { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import { connect, type DetailedPeerCertificate, type TLSSocket } from 'node:tls';
import { messageOf } from '../../base/errors.ts';
import { systemRandom } from '../../base/random.ts';
import type { Clock } from '../../base/time.ts';
import { openSocket } from '../../net/dial.ts';
import { type Endpoint, formatEndpoint } from '../../net/endpoint.ts';
import { NetError } from '../../net/errors.ts';
import { type Resolver, systemResolver } from '../../net/resolver.ts';
import { isolated } from '../../net/socks-url.ts';
import { checkLinkCertificates, type LinkKeys } from './certificates.ts';
import { MmtpError } from './errors.ts';
import { type Compat, connectingTls } from './tls-profiles.ts';

/** A server to connect to. */
export interface Hop {
  readonly host: string;
  readonly port: number;
  /** SHA-1 of its identity key, 20 octets; zeros accept any server. */
  readonly keyId: Uint8Array;
  readonly nickname?: string;
}

const MAX_CHAIN = 3; // one more than a server may show, so that we see it
/** Addresses of one name that are tried. */
const MAX_ADDRESSES = 4;

export interface LinkOptions {
  readonly clock: Clock;
  /** For all of it, in milliseconds. */
  readonly timeout: number;
  /** Also speaks the weak TLS of the old servers; never without being told to. */
  readonly compat?: Compat | undefined;
  /** A SOCKS5 proxy, which looks up the name; each link shows it another user, so that tor gives it a circuit of its own. */
  readonly proxy?: Endpoint | undefined;
  /** Looks up names where there is no proxy; the system's when not given. */
  readonly resolver?: Resolver | undefined;
  /** Which addresses may be connected to; all when not given. A proxy decides for itself. */
  readonly mayReach?: ((address: string) => boolean) | undefined;
  /** Remembers the keys of links that were checked before. */
  readonly linkKeys?: LinkKeys | undefined;
}

/** Throws MmtpError `mmtp-network`, `mmtp-timeout` or `mmtp-auth`. Nothing was sent inside TLS when it throws. */
export async function openLink(hop: Hop, options: LinkOptions): Promise<TLSSocket> {
  const { clock, timeout, compat } = options;
  const until = clock.now() + timeout;
  const plain = await openPlain(hop, options, until);
  const socket = connect({
    ...connectingTls(compat),
    socket: plain,
    servername: '', // an identity key is looked for, not a name: no need to tell it to who listens
    rejectUnauthorized: false, // `checkLinkCertificates` decides
  });
  let late = false;
  const cancel = clock.timer(Math.max(1, until - clock.now()), () => {
    late = true;
    socket.destroy();
  });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('secureConnect', resolve);
      socket.once('error', reject);
      socket.once('close', () => reject(new Error('the server closed the connection during the TLS handshake')));
    });
    checkLinkCertificates(chainOf(socket), hop.keyId, clock.now(), options.linkKeys);
    return socket;
  } catch (cause) {
    socket.on('error', () => {}); // what the socket may still say while it goes
    socket.destroy();
    if (cause instanceof MmtpError) throw cause;
    const where = formatEndpoint(hop);
    if (late) throw new MmtpError('mmtp-timeout', `${where} does not answer`, { cause });
    throw new MmtpError('mmtp-network', `cannot reach ${where}: ${messageOf(cause)}`, { cause });
  } finally {
    cancel();
  }
}

/** TCP, to the first of the server's addresses that takes it, or through the proxy. */
async function openPlain({ host, port }: Hop, options: LinkOptions, until: number): Promise<Socket> {
  const { clock, proxy, resolver = systemResolver, mayReach = () => true } = options;
  try {
    if (proxy !== undefined) return await open(host, isolated(proxy, systemRandom));
    // spec: mixminion-mmtp 5: IPv4 before IPv6, which is the resolver's order
    const addresses = (await resolver.addresses(host)).filter(mayReach).slice(0, MAX_ADDRESSES);
    let failure: unknown = new MmtpError('mmtp-network', `${host} has no address that may be connected to`);
    for (const address of addresses) {
      try {
        return await open(address);
      } catch (cause) {
        failure = cause;
      }
    }
    throw failure;
  } catch (cause) {
    if (cause instanceof NetError) throw new MmtpError('mmtp-network', cause.message, { cause });
    throw cause;
  }

  function open(address: string, through?: Parameters<typeof openSocket>[0]['proxy']): Promise<Socket> {
    const timeout = Math.max(1, until - clock.now());
    return openSocket({ to: { host: address, port }, proxy: through, clock, timeout });
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
