// Links between nodes in memory, for simulations and tests: what a packet meets on its way is up to who makes the network.

import { toHex } from '../../base/bytes.ts';
import type { Acknowledgement, PacketCarrier, PacketRoom } from './carrier.ts';
import { MmtpError } from './errors.ts';
import type { Hop } from './link.ts';

/** What happens to one unit on its way to a server. */
export interface Fate {
  /** Whether it arrives at all. */
  readonly arrives: boolean;
  /** Whether the answer comes back: if not, the sender does not know that the packet arrived. */
  readonly answered: boolean;
}

export interface MemoryNetworkOptions {
  /** Decides for each unit, and takes as long as the way takes; all arrive at once when not given. */
  readonly fate?: (to: Hop) => Promise<Fate>;
}

const SAFE: Fate = { arrives: true, answered: true };

export class MemoryNetwork {
  readonly #rooms = new Map<string, PacketRoom>();
  readonly #fate: (to: Hop) => Promise<Fate>;

  constructor({ fate = async () => SAFE }: MemoryNetworkOptions = {}) {
    this.#fate = fate;
  }

  /** Puts a node where others reach it by its key id, 20 octets; the function takes it away again. */
  open(keyId: Uint8Array, room: PacketRoom): () => void {
    const key = toHex(keyId);
    this.#rooms.set(key, room);
    return () => {
      if (this.#rooms.get(key) === room) this.#rooms.delete(key);
    };
  }

  /** The way out of one node. */
  carrier(): PacketCarrier {
    let open = true;
    const bring = async <T>(hop: Hop, hand: (room: PacketRoom) => Promise<T>): Promise<T> => {
      if (!open) throw new MmtpError('mmtp-closed', 'this node is closing');
      const { arrives, answered } = await this.#fate(hop);
      const room = this.#rooms.get(toHex(hop.keyId));
      if (room === undefined || !arrives) throw new MmtpError('mmtp-network', 'the server cannot be reached');
      let answer: T;
      try {
        answer = await hand(room);
      } catch (cause) {
        throw new MmtpError('mmtp-closed', 'the server closed the connection', { cause });
      }
      if (!answered || !open) throw new MmtpError('mmtp-closed', 'the connection broke before the answer');
      return answer;
    };
    return {
      send: (hop, packet): Promise<Acknowledgement> => bring(hop, (room) => room.receive(Buffer.from(packet))),
      pad: (hop) => bring(hop, async (room) => room.padding()),
      close: async () => {
        open = false;
      },
    };
  }
}
