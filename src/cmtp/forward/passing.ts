// What the counter and its forwarding say to each other: a message for another domain, who hands it in, what becomes of it.

import type { Place } from '../wire/names.ts';

/** A message on its way through, its log in hand and the rest still on the wire. */
export interface Passing {
  readonly version: number;
  /** How many attachments follow the body. */
  readonly attachments: number;
  readonly bodyLength: number;
  readonly to: Place;
  readonly from: Place;
  readonly log: Uint8Array;
  /** The body, then each attachment behind its length, exactly as they came. Throws when the peer breaks off. */
  readonly rest: AsyncIterable<Uint8Array>;
}

/** Who hands in a message or asks for a key. */
export interface Asker {
  /** Network address; undefined where it means nothing, and then it gives no right. */
  readonly address: string | undefined;
  /** The local account whose key was proved on this connection.   spec: cmtp 9 D13 */
  readonly account: string | undefined;
}

/** `ok`, or why the answer is DELIVERYFAILURE.   spec: cmtp 9 D11, D12 */
export type Verdict = 'ok' | 'not-permitted' | 'no-host' | 'loop';

/** What forwarding needs of the counter that it belongs to. */
export interface HomeServer {
  readonly domain: string;
  /** Newest Ed25519 public key of a local account, 32 octets; undefined when there is no such account. */
  keyOf(account: string): Promise<Uint8Array | undefined>;
  /** Stores a whole message (no MAIL word) in a local mailbox; durable when this resolves. False when it cannot be delivered. */
  deliver(account: string, message: Uint8Array): Promise<boolean>;
}

/** The face that the counter works with. */
export interface Forward {
  /** Asked when the log was read and before the body: the rest is drained by the caller when it is not `ok`. */
  judge(passing: Pick<Passing, 'to' | 'from' | 'log'>, asker: Asker): Promise<Verdict>;
  /** Takes the message in and queues it: durable when this resolves. `full` when the queue holds all it may. */
  accept(passing: Passing): Promise<'queued' | 'full'>;
  /**
   * Key of a user elsewhere, 32 octets, checked against his server's pinned key; undefined when there is none, when it
   * cannot be had now, or when `asker` has no right to ask. The caller signs it with its own key.   spec: cmtp 9 D9
   */
  keyOf(place: Place, asker: Asker): Promise<Uint8Array | undefined>;
  /**
   * Tells `sender` that his message to `about` was not delivered: for an old client, which hears no answer to MAIL. Durable
   * when this resolves. A message of the empty account is never answered.   spec: cmtp 9 D11, D12
   */
  bounce(sender: Place, about: Place, reason: string): Promise<void>;
}
