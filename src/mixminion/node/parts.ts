// What a remailer is made of: everything that touches the network, the disk, time or chance comes in here, so that the
// same node runs over TLS and files, and fifty times over in one process on a clock turned by hand.

import type { Log } from '../../base/log.ts';
import type { Metrics } from '../../base/metrics.ts';
import type { Random } from '../../base/random.ts';
import type { Clock } from '../../base/time.ts';
import type { Exits } from '../exit/exits.ts';
import type { PacketCarrier } from '../mmtp/carrier.ts';
import type { HopAddress } from '../packet/routing.ts';
import type { PoolParameters } from '../pool/strategy.ts';
import type { Disk } from './disk/disk.ts';
import type { Unwrapper } from './unwrap/unwrapper.ts';

export interface NodeParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Metrics;
  /** The node's own folder: the spool and the replay logs. `MemoryDisk` in simulations. */
  readonly disk: Disk;
  /** Opens packets: `WorkerUnwrapper` in threads, `DirectUnwrapper` in simulations. The node closes it. */
  readonly unwrapper: Unwrapper;
  /** The way to other nodes. The node closes it. */
  readonly carrier: PacketCarrier;
  readonly exits: Exits;
  /** KEYID of this node, 20 octets: what is for it never leaves.   spec: mixminion-mmtp 5 */
  readonly keyId: Uint8Array;
  /** Told of a ping that came back, by the SHA-1 of its payload. It never enters the pool.   spec: mixminion-server 1 */
  pingReturned?(payloadDigest: Buffer): void;
  /**
   * Told of each batch when it is on its way, with the next hops in it and the milliseconds from one batch to the next: the
   * moment for link padding.   spec: mixminion-server 5
   */
  mixed?(nextHops: readonly HopAddress[], interval: number): void;
}

/** What a node does with what it has. Times are in milliseconds. */
export interface NodeSettings {
  readonly pool: PoolParameters;
  /** Waits between attempts at one next hop.   spec: mixminion-server 1.2 */
  readonly retry: readonly number[];
  /** Octets that the spool may take; beyond them packets are rejected. */
  readonly spoolSize: number;
}
