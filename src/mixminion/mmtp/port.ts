// The listening ports of a node: one for servers of today, and, where the operator wants it, another for the old ones.
// spec: mixminion-mmtp 1, 4, 5

import type { Labels } from '../../base/metrics.ts';
import type { Clock } from '../../base/time.ts';
import type { Endpoint } from '../../net/endpoint.ts';
import type { ConnectionLimits } from '../../net/listener.ts';
import type { Port } from '../../net/ports.ts';
import { readTlsIdentity } from '../../net/tls-identity.ts';
import type { PacketRoom } from './carrier.ts';
import type { LinkCertificates } from './certificates.ts';
import { type ServeOptions, serve } from './server.ts';
import { type Compat, listeningTls } from './tls-profiles.ts';

export interface MmtpPortOptions extends ServeOptions {
  readonly at: Endpoint;
  /** For the profile that `compat` names. To renew them, pass the new port to `Ports.use`: what is open goes on. */
  readonly certificates: LinkCertificates;
  readonly room: PacketRoom;
  readonly limits: ConnectionLimits;
  readonly clock: Clock;
  /**
   * Also takes the servers of the old family, down to TLS 1.0. A server of today that comes here still gets TLS 1.3, under a
   * link key of 1024 bits: this may be the one address that a descriptor names.
   */
  readonly compat?: Compat | undefined;
  /** Told of each conversation that begins. */
  readonly connected?: (() => void) | undefined;
  /** Counts one conversation that ended, or a connection that never became one, by its reason. */
  readonly count?: ((labels: Labels) => void) | undefined;
}

export function mmtpPort(options: MmtpPortOptions): Port {
  const { at, certificates, room, limits, clock, compat, connected, count } = options;
  return {
    what: compat === undefined ? 'MMTP over TLS 1.3' : 'MMTP for old servers',
    at,
    identity: readTlsIdentity(certificates.chain, certificates.key),
    minVersion: compat === undefined ? 'TLSv1.3' : 'TLSv1',
    tls: listeningTls(compat),
    limits,
    clock,
    serve: async (connection) => {
      connected?.();
      const reason = await serve(connection, room, options);
      count?.({ reason });
    },
    refused: (reason) => count?.({ reason }),
  };
}
