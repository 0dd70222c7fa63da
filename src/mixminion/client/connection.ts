// A connection to a server.   spec: mixminion-client-api 8

import type { TLSSocket } from 'node:tls';
import { ServerDescriptor } from '../directory/descriptor.ts';
import { nodeOf } from '../directory/path-choice.ts';
import { MmtpConnection as Connection, type MmtpOptions } from '../mmtp/client.ts';
import type { Hop } from '../mmtp/link.ts';
import { Mix3ClosedError } from './errors.ts';
import { Packet } from './packet.ts';
import { asApi } from './translate.ts';

/** Errors: Mix3ClosedError and what extends it. After any but Mix3RejectedError the connection is of no more use. */
export class MmtpConnection {
  /** The server meant. */
  readonly server: Hop;
  readonly #connection: Connection;

  /** Nothing is sent before `connect`. Throws Mix3NoPathError for a server that takes no packets. */
  constructor(server: ServerDescriptor | Hop, options: MmtpOptions = {}) {
    this.server = asApi(() => hopOf(server));
    this.#connection = new Connection(this.server, options);
  }

  /** Undefined before `connect` and after the end. */
  get socket(): TLSSocket | undefined {
    return this.#connection.socket;
  }

  /** Packets and padding sent, in part too, and answers received (`mix3_mmtp_get_n_packets` and its kin). */
  get counts(): { readonly packets: number; readonly padding: number; readonly acks: number } {
    return this.#connection.counts;
  }

  /** TLS, the check of the certificates, and the line of versions. */
  connect(): Promise<void> {
    return asApi(() => this.#connection.connect());
  }

  /** Resolves when the packet is written: `awaitAcks` tells whether it arrived. At most six go without an answer. */
  sendPacket(packet: Packet | Uint8Array): Promise<void> {
    return asApi(() => this.#connection.sendPacket(octetsOf(packet)));
  }

  /** Sends 32768 octets that mean nothing, random ones when none are given. */
  sendPadding(octets?: Uint8Array): Promise<void> {
    return asApi(() => this.#connection.sendPadding(octets));
  }

  /** Resolves when all that was sent before is received. Throws Mix3RejectedError when the server did not take a packet. */
  awaitAcks(): Promise<void> {
    return asApi(() => this.#connection.awaitAcks());
  }

  /** Sends one packet and waits for its own answer. */
  deliver(packet: Packet | Uint8Array): Promise<'received' | 'rejected'> {
    return asApi(() => this.#connection.deliver(octetsOf(packet)));
  }

  /** MMTP 0.3 has no renegotiation any more, nor has TLS 1.3: this does nothing, but throws Mix3ClosedError when closed. */
  async renegotiate(): Promise<void> {
    if (this.socket === undefined) throw new Mix3ClosedError('the connection is not open');
  }

  /** Waits for the answers that are still out, and says goodbye. Never throws. */
  close(): Promise<void> {
    return this.#connection.close();
  }

  /** Ends it at once. */
  destroy(): void {
    this.#connection.destroy();
  }
}

function hopOf(server: ServerDescriptor | Hop): Hop {
  if (!(server instanceof ServerDescriptor)) return server;
  const { host, port, keyId } = nodeOf(server).address;
  return { host, port, keyId, nickname: server.nickname };
}

function octetsOf(packet: Packet | Uint8Array): Uint8Array {
  return packet instanceof Packet ? packet.bytes : packet;
}
