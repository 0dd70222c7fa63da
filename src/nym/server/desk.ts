// What the parts of a nymserver share: where it keeps things, how replies leave, and its limits.

import type { Turns } from '../../base/turns.ts';
import type { Surb } from '../../mixminion/packet/surb.ts';
import type { Departure } from '../../post/outgoing-mail.ts';
import type { Post } from '../../post/post.ts';
import type { Quota } from '../../store/store.ts';
import type { SurbStock } from './surb-stock.ts';
import type { Vault } from './vault.ts';

export interface Desk {
  readonly post: Post;
  readonly vault: Vault;
  readonly stock: SurbStock;
  /** One thing at a time for each nym. */
  readonly turns: Turns;
  readonly limits: Limits;
  /** The part of the nyms' addresses behind the @, lower case. */
  readonly domain: string;
  /** Finds the way for a message of so many packets. Throws when there is none now: ask before reply blocks are spent. */
  prepareReply(packets: number): SendReply;
  /** Sends ordinary mail. */
  sendMail(departure: Departure): Promise<void>;
  /** Something is due for this nym at that time. */
  wake(nym: string, at: number): Promise<void>;
  count(what: string): void;
}

/**
 * Sends the octets of a control message by way of these reply blocks, one for each packet that it takes. Resolves when the
 * packets are durable on their way.
 */
export type SendReply = (message: Buffer, surbs: readonly Surb[]) => Promise<void>;

/** spec: mixminion-nym 6.4 */
export interface Limits {
  /** Of mail, for each nym. */
  readonly quota: Quota;
  /** Octets of one mail that comes in. */
  readonly mailSize: number;
  readonly newNymsPerDay: number;
  readonly relaysPerDay: number;
  readonly recipientsPerDay: number;
  /** The operator looks at each new nym before it opens. */
  readonly approval: boolean;
  /** How long a name is kept for whoever asked for it. */
  readonly reservation: number;
}
