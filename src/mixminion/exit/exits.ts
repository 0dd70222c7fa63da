// The exits of a server, as its node sees them: packets whose way ends here go in, and leave by mail in due time.
// spec: mixminion-server 4

import type { Delivered } from '../packet/unwrap.ts';

/** What the last layer of a packet gave. */
export type ExitPacket = Pick<Delivered, 'replayHash' | 'routingType' | 'routingInfo' | 'payload'>;

export interface Exits {
  /** Whether this server delivers packets of that exit type. Those that it does not are dropped by `deliver`, and counted. */
  accepts(routingType: number): boolean;
  /**
   * Takes over a packet that left the pool: queued, kept as a fragment, or dropped and counted. Durable when this
   * resolves, so the node lets go of the packet then and only then. May be repeated for the same packet (told by its
   * replay hash) until the next `round`: so first `deliver` the batch, then forget its packets, then start the round.
   * StoreError when it could not be kept: the packet stays the node's.
   */
  deliver(packet: ExitPacket): Promise<void>;
  /**
   * Tries whatever is due, whole messages from fragments first. To be called after each mix; nothing leaves at any
   * other time. Resolves when all attempts of the round have ended, which may take minutes; a call during a round
   * makes it go round once more. Never rejects.
   */
  round(): Promise<void>;
  /** Messages that wait for an attempt. */
  waiting(): Promise<number>;
  /** Lets attempts under way finish for at most `grace` ms; what is cut off is tried again after the next start. */
  close(grace: number): Promise<void>;
}
