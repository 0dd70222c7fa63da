// TLS over a stream that is there already: the second half of a dial, and what an upgrade in the middle of a conversation does.

import { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect, createSecureContext, type SecureContext, type SecureVersion, TLSSocket } from 'node:tls';
import { equalBytes, toHex } from '../base/bytes.ts';
import { messageOf } from '../base/errors.ts';
import { type Clock, SECOND } from '../base/time.ts';
import { NetError } from './errors.ts';
import { FORWARD_SECRET, keyFingerprint, type TlsIdentity } from './tls-identity.ts';

interface Versions {
  /** TLS 1.2 when not given. */
  readonly minVersion?: SecureVersion;
  readonly maxVersion?: SecureVersion;
  /** 30 s when not given. */
  readonly timeout?: number;
}

export interface ServerHandshake extends Versions {
  readonly side: 'server';
  readonly identity: TlsIdentity;
}

export interface ClientHandshake extends Versions {
  readonly side: 'client';
  /** The server's name, as the certificate should have it; an IP address or an onion name is not sent. */
  readonly host: string;
  /** SHA-256 of the server's SubjectPublicKeyInfo; without it any key is taken, and the caller judges it. */
  readonly pin?: Uint8Array | undefined;
}

export type Handshake = ServerHandshake | ClientHandshake;

export interface Secured {
  readonly socket: TLSSocket;
  /** SHA-256 of the SubjectPublicKeyInfo that the server shows. */
  readonly serverKey: Buffer;
  /** An authority that this machine trusts says that the server's certificate is for its name. Only the client knows. */
  readonly vouched: boolean;
}

/**
 * Throws NetError `tls` when the key is not `pin` (nothing is sent then), `timeout`, or `unreachable` when the two do not come
 * to terms; the stream is destroyed.
 */
export async function handshake(stream: Duplex, clock: Clock, options: Handshake): Promise<Secured> {
  const { timeout = 30 * SECOND } = options;
  const socket = options.side === 'server' ? asServer(stream, options) : asClient(stream, options);
  socket.on('error', () => {}); // a failure after this has settled is seen by whoever owns the socket then
  let late = false;
  const cancel = clock.timer(timeout, () => {
    late = true;
    socket.destroy(new Error('timed out'));
  });
  try {
    await new Promise<void>((resolve, reject) => {
      stream.once('error', reject);
      socket.once('error', reject);
      socket.once('close', () => reject(new Error('the peer closed the connection during the TLS handshake')));
      socket.once(options.side === 'server' ? 'secure' : 'secureConnect', () => resolve());
    });
    const serverKey = options.side === 'server' ? options.identity.serverKey : shownKey(socket);
    if (options.side === 'client' && options.pin !== undefined && !equalBytes(serverKey, options.pin)) {
      throw new NetError('tls', `${options.host} shows the key ${toHex(serverKey)}, not the one that is known for it`, {
        remedy: 'ask its owner, by another way, whether the key was changed; somebody may be in between',
      });
    }
    const vouched = options.side === 'client' && isNamed(options.host) && socket.authorized;
    return { socket, serverKey, vouched };
  } catch (cause) {
    socket.destroy();
    stream.destroy();
    if (cause instanceof NetError) throw cause;
    if (late) throw new NetError('timeout', 'the TLS handshake takes too long', { cause });
    throw new NetError('unreachable', `no secure connection: ${messageOf(cause)}`, { cause });
  } finally {
    cancel();
  }
}

function asServer(stream: Duplex, options: ServerHandshake): TLSSocket {
  return new TLSSocket(stream, { isServer: true, secureContext: contextOf(options) });
}

/** To read key and certificate costs as much as a handshake, so it is done once for each identity and choice of versions. */
const contexts = new WeakMap<TlsIdentity, Map<string, SecureContext>>();

function contextOf({ identity, minVersion = 'TLSv1.2', maxVersion = 'TLSv1.3' }: ServerHandshake): SecureContext {
  const known = contexts.get(identity) ?? new Map<string, SecureContext>();
  contexts.set(identity, known);
  const versions = `${minVersion} ${maxVersion}`;
  const { key, certificate: cert } = identity;
  const context =
    known.get(versions) ?? createSecureContext({ key, cert, ciphers: FORWARD_SECRET, minVersion, maxVersion });
  known.set(versions, context);
  return context;
}

function asClient(stream: Duplex, { host, minVersion = 'TLSv1.2', maxVersion }: ClientHandshake): TLSSocket {
  const socket = connect({
    socket: stream,
    minVersion,
    ...(maxVersion === undefined ? {} : { maxVersion }),
    rejectUnauthorized: false, // the pin decides, not an authority
    ...(isNamed(host) ? { servername: host } : {}),
  });
  socket.setNoDelay(true);
  return socket;
}

/** Neither an address nor an onion name is said in the clear.   spec: smallmail 2.2 */
function isNamed(host: string): boolean {
  return isIP(host) === 0 && !host.endsWith('.onion');
}

function shownKey(socket: TLSSocket): Buffer {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) throw new NetError('tls', 'the server shows no certificate');
  return keyFingerprint(certificate.publicKey);
}
