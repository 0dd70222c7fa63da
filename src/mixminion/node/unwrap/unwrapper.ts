// Opening packets, as the node sees it: a packet goes in, what became of it comes out. Who does the work, and in which
// thread, is behind this interface.

import type { RsaPrivateKey } from '../../../crypto/rsa.ts';
import type { Delivered, Dropped, Relayed } from '../../packet/unwrap.ts';

/** `keyId`: SHA-1 of the packet key that opened it, which names the replay log it belongs to. */
export type Opened = (Relayed | Delivered | Dropped) & { readonly keyId: Buffer };

export interface Unopened {
  readonly result: 'failed';
  /** A label: `undecryptable`, `digest`, `version`, `routing-type`, ... */
  readonly reason: string;
  /** Set together when the packet was intact and its instruction of no use: it is remembered as a good one is. */
  readonly replayHash?: Buffer;
  readonly keyId?: Buffer;
}

export interface Unwrapper {
  /** How many packets it can work on at a time. */
  readonly width: number;
  /** Opens a packet of 32768 octets; the memory of `packet` is given away. Never fails because of what is in the packet. */
  open(packet: Buffer): Promise<Opened | Unopened>;
  /** From now on packets are opened with these, the newest first. What is under way finishes with the old ones. */
  useKeys(keys: readonly RsaPrivateKey[]): void;
  close(): Promise<void>;
}
