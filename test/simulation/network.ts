// The network of a simulation: units are late, get lost, arrive without their sender hearing of it, are copied by somebody who
// listens and sends them again, and are changed by somebody in between where the ledger says so.

import { DAY, MINUTE, SECOND, sleep, type VirtualClock } from '../../src/base/time.ts';
import type { PacketCarrier } from '../../src/mixminion/mmtp/carrier.ts';
import { MemoryNetwork } from '../../src/mixminion/mmtp/memory.ts';
import type { Chance } from './chance.ts';
import type { Ledger } from './ledger.ts';

const HEADER = 2048;

export interface Troubles {
  /** Parts of all units. */
  readonly lost: number;
  readonly unanswered: number;
  readonly copied: number;
}

export interface RoughNetwork extends Pick<MemoryNetwork, 'open' | 'carrier'> {
  /** From now on nothing gets lost. */
  calmDown(): void;
  /** Copies that were sent by whoever listens. */
  readonly copies: number;
}

const CALM: Troubles = { lost: 0, unanswered: 0, copied: 0 };

export function roughNetwork(clock: VirtualClock, chance: Chance, ledger: Ledger, given: Troubles): RoughNetwork {
  let troubles = given;
  let copies = 0;
  const network = new MemoryNetwork({
    async fate() {
      await sleep(clock, chance.about(chance.happens(0.01) ? 2 * MINUTE : SECOND));
      return { arrives: !chance.happens(troubles.lost), answered: !chance.happens(troubles.unanswered) };
    },
  });
  const stranger = network.carrier();
  return {
    open: (keyId, room) => network.open(keyId, room),
    carrier(): PacketCarrier {
      const carrier = network.carrier();
      return {
        ...carrier,
        send(hop, packet) {
          const sent = changed(packet, ledger);
          if (chance.happens(troubles.copied)) {
            const copy = Buffer.from(sent);
            clock.timer(chance.between(MINUTE, 4 * DAY), () => {
              copies += 1;
              stranger.send(hop, copy).catch(() => {}); // nobody is there: a copy less
            });
          }
          return carrier.send(hop, sent);
        },
      };
    },
    calmDown() {
      troubles = CALM;
    },
    get copies() {
      return copies;
    },
  };
}

/** One bit of a packet's first header is changed at the hop that the ledger names. */
function changed(packet: Uint8Array, ledger: Ledger): Uint8Array {
  const found = ledger.find(packet);
  if (found === undefined || found.message.tamperedAt !== found.hop) return packet;
  const result = Buffer.from(packet);
  const at = (found.message.number * 613) % HEADER;
  result.writeUInt8(result.readUInt8(at) ^ 1, at);
  ledger.becomes(packet, result);
  return result;
}
