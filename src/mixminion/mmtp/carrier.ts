// How a node hands packets to other nodes, and how it takes theirs: the two sides that MMTP stands between. A simulation
// puts something else there.

import type { Hop } from './link.ts';

/** What a server says of one packet: kept for good, or not wanted now. */
export type Acknowledgement = 'received' | 'rejected';

/** The way out to other servers. `Courier` is the one over TLS, `MemoryNetwork` the one of simulations. */
export interface PacketCarrier {
  /**
   * Brings a packet of 32768 octets to a server. Once it says `received` the packet is that server's, and may be deleted
   * here; `rejected` may be tried again later, as may every MmtpError but `mmtp-auth`. After an error the server may
   * have the packet all the same.   spec: mixminion-mmtp 3
   */
  send(hop: Hop, packet: Uint8Array): Promise<Acknowledgement>;
  /** Sends one unit of padding, like a packet to whoever watches the link. Throws MmtpError.   spec: mixminion-mmtp 6 */
  pad(hop: Hop): Promise<void>;
  /** Takes no more, lets what is under way be answered for at most `grace` milliseconds, then ends all connections. */
  close(grace: number): Promise<void>;
}

/** What a server is to those who connect to it. */
export interface PacketRoom {
  /**
   * Takes one packet of 32768 octets, which nobody else touches any more; its memory may be given to another thread. Resolves when it is durable, or `rejected`
   * when it cannot be kept now. Many calls are under way at a time, also of one peer. A throw ends the connection
   * without an answer: the peer tries again.   spec: mixminion-mmtp 3
   */
  receive(packet: Buffer): Promise<Acknowledgement>;
  /** One unit of padding came and is forgotten. */
  padding(): void;
}
