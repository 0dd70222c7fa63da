// What a way of delivery is: one module for each exit type that a server offers.   spec: mixminion-server 4

import type { RetrySchedule } from '../../post/retry.ts';
import type { Delivery } from '../payload/delivery.ts';

/** A message that has arrived at this exit, whether in one packet or put together from many. */
export interface ExitMessage {
  /** The same each time this message is tried, and no other message's: 20 octets. */
  readonly id: Buffer;
  /** Whom it is for, in the terms of its exit type: the routing info without the tag. */
  readonly address: Buffer;
  /** The decoding handle, 20 octets. Messages put together here have none. */
  readonly tag: Buffer | undefined;
  /** What is in it; never a malformed one. */
  readonly delivery: Exclude<Delivery, { kind: 'malformed' }>;
}

/** How an attempt ended. Each `reason` is a short word that is counted, and says nothing of the message. */
export type ExitResult =
  /** Somebody else answers for it now. */
  | { readonly result: 'done'; readonly reason: string }
  /** Not now: to be tried again by the module's schedule. */
  | { readonly result: 'later'; readonly reason: string }
  /** Never. */
  | { readonly result: 'drop'; readonly reason: string };

export interface ExitModule {
  /** Exit type, 0x0100 to 0xffff; no two modules share one. */
  readonly type: number;
  /** Lower case: the name of its queue and its label in figures. */
  readonly name: string;
  /** When a message is tried again. */
  readonly schedule: RetrySchedule;
  /**
   * Tries to deliver one message. It may have been delivered before, if the process died at the wrong moment: a module
   * that can tell by `message.id` should. What it throws counts as `later`. Ends soon after `signal` is aborted.
   */
  deliver(message: ExitMessage, signal: AbortSignal): Promise<ExitResult>;
}
