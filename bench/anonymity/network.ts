// A network of pools and nothing else: messages go from pool to pool, and beside each packet goes what an observer of all links
// can say about it. The pools choose their batches with the function that the remailer uses.
//
// The observer sees every packet come and go, at every remailer. He even knows how many hops are behind each one, which in truth
// he has to guess. He does not see which is which: of the packets in a pool that have come equally far each is as likely as any
// other to be one that leaves. So a packet that leaves is one of those that came in since the last batch, or one of those that
// were left over from it, which are in turn what they were before.

import { type Random, randomInt } from '../../src/base/random.ts';
import { chooseBatch, type PoolParameters } from '../../src/mixminion/pool/strategy.ts';
import { effectiveSize, oneOf, onlyOne, type Share, type Suspects, suspicionOf } from './suspects.ts';

export interface NetworkOptions {
  readonly remailers: number;
  /** How many of them a message goes through, drawn anew for each, none twice in a row. */
  readonly hops: number;
  /** Packets that reach each remailer from one of its batches to the next, on average. */
  readonly load: number;
  readonly pool: PoolParameters;
  /** Messages to look at; those before the network has filled are not. */
  readonly messages: number;
  readonly random: Random;
}

export interface Passage {
  /** Milliseconds in the network. */
  readonly latency: number;
  /** Effective size of the set of messages that this one may be. */
  readonly hiddenAmong: number;
  /** How likely the observer takes it for the message that it is. */
  readonly suspicion: number;
}

interface Packet {
  readonly message: number;
  readonly since: number;
  readonly hop: number;
}

/** What the observer makes of the packets of one pool that have come equally far. */
interface Lot {
  /** Those that were there at the last batch and did not leave. */
  left: number;
  suspects: Suspects | undefined;
  /** Those that came since. */
  came: Map<Suspects, number>;
}

interface Remailer {
  pool: Packet[];
  /** By the number of hops behind them. */
  readonly lots: Map<number, Lot>;
  nextBatch: number;
}

/** Batches that the network is given to fill, for each hop. */
const FILLING = 25;
const RANGE = 2 ** 30;

/** Sends messages through the network and tells of each how it fared, in the order of their arrival. */
export function passages(options: NetworkOptions): Passage[] {
  const { remailers: count, hops, load, pool, messages, random } = options;
  const share = () => randomInt(random, RANGE) / RANGE;
  const { interval } = pool;
  const remailers = Array.from({ length: count }, (): Remailer => {
    return { pool: [], lots: new Map(), nextBatch: share() * interval };
  });
  const between = (hops * interval) / (count * load); // from one message to the next
  const filled = FILLING * hops * interval;
  const results: Passage[] = [];

  const bring = (packet: Packet, suspects: Suspects, from?: Remailer) => {
    const others = remailers.filter((remailer) => remailer !== from);
    const at = others[randomInt(random, others.length)] as Remailer;
    at.pool.push(packet);
    const lot = at.lots.get(packet.hop) ?? { left: 0, suspects: undefined, came: new Map() };
    lot.came.set(suspects, (lot.came.get(suspects) ?? 0) + 1);
    at.lots.set(packet.hop, lot);
  };

  let nextMessage = 0;
  let message = 0;
  while (results.length < messages) {
    const mixing = remailers.reduce((first, other) => (other.nextBatch < first.nextBatch ? other : first));
    const now = mixing.nextBatch;
    mixing.nextBatch += interval;
    while (nextMessage <= now) {
      bring({ message, since: nextMessage, hop: 0 }, onlyOne(message));
      message += 1;
      nextMessage -= between * Math.log(1 - share());
    }
    for (const lot of mixing.lots.values()) lookAt(lot);
    const leaving = new Set(chooseBatch(mixing.pool.length, pool, random));
    const batch = mixing.pool.filter((_, place) => leaving.has(place));
    mixing.pool = mixing.pool.filter((_, place) => !leaving.has(place));
    const sizes = new Map<Lot, number>();
    for (const { message: number, since, hop } of batch) {
      const lot = mixing.lots.get(hop);
      if (lot?.suspects === undefined) throw new Error('the observer has seen every packet come');
      lot.left -= 1;
      if (hop + 1 < hops) {
        bring({ message: number, since, hop: hop + 1 }, lot.suspects, mixing);
        continue;
      }
      const hiddenAmong = sizes.get(lot) ?? effectiveSize(lot.suspects);
      sizes.set(lot, hiddenAmong);
      if (since <= filled) continue;
      results.push({ latency: now - since, hiddenAmong, suspicion: suspicionOf(lot.suspects, number) });
    }
  }
  return results.slice(0, messages);
}

/** Before a batch: any packet of the lot is one of those that were left or one of those that came. */
function lookAt(lot: Lot): void {
  const came = [...lot.came.values()].reduce((sum, packets) => sum + packets, 0);
  if (came === 0) return;
  const size = lot.left + came;
  const shares: Share[] = [...lot.came].map(([suspects, packets]) => ({ suspects, share: packets / size }));
  if (lot.suspects !== undefined && lot.left > 0) shares.push({ suspects: lot.suspects, share: lot.left / size });
  lot.suspects = oneOf(shares);
  lot.left = size;
  lot.came = new Map();
}
