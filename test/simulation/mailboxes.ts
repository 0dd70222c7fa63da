// The exits of a simulated node: they keep what the node hands over, durably and once, and let it out when a round begins.
// Like the real ones they count on not being told again of a packet after the round that let it out.

import { toHex } from '../../src/base/bytes.ts';
import type { ExitPacket, Exits } from '../../src/mixminion/exit/exits.ts';
import { RoutingType } from '../../src/mixminion/packet/routing.ts';
import type { Ledger } from './ledger.ts';
import type { Power } from './power.ts';

/** What outlives a crash. */
export interface Mailboxes {
  readonly waiting: Map<string, ExitPacket>;
  readonly out: Set<string>;
}

export interface MailboxesOptions {
  readonly mailboxes: Mailboxes;
  readonly power: Power;
  readonly ledger: Ledger;
  /** Resolves when something has been synced. */
  wait(): Promise<void>;
  /** Whether keeping this one fails. */
  fails(): boolean;
  now(): number;
}

export function exitsOn({ mailboxes, power, ledger, wait, fails, now }: MailboxesOptions): Exits {
  return {
    accepts: (type) => type === RoutingType.MBOX,
    async deliver(packet) {
      await power.within(wait());
      if (fails()) throw new Error('the store cannot keep this now');
      const id = toHex(packet.replayHash);
      if (mailboxes.out.has(id)) ledger.breach('a packet was delivered again that had left its exit');
      mailboxes.waiting.set(id, packet);
      await power.within(wait()); // the power may fail between keeping and saying so
    },
    async round() {
      for (const [id, { payload, routingInfo }] of mailboxes.waiting) {
        mailboxes.waiting.delete(id);
        mailboxes.out.add(id);
        ledger.arrives(payload, routingInfo, now());
      }
    },
    waiting: async () => mailboxes.waiting.size,
    close: async () => {},
  };
}
