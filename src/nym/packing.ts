// How much goes into one reply block: control messages are kept to one packet each as long as possible, since a message of two
// takes three.   spec: mixminion-nym 5

import { countPackets } from '../mixminion/payload/encode.ts';
import { singletonCapacity } from '../mixminion/payload/singleton.ts';

/** Sealed octets do not shrink; the zlib stream around them grows by 5 octets in 16 KiB, and begins and ends with 6. */
const STREAM_GROWTH = 32;
/** One line feed: the empty header block.   spec: mixminion-nym 3 */
const HEADER_BLOCK = 1;
/** STATUS, and what is owed besides, go into each message. */
const ATTENDANTS = 1024;

/** Octets of commands in a message that one packet carries, beside those that go into each. */
export const ROOM = singletonCapacity(0) - STREAM_GROWTH - HEADER_BLOCK - ATTENDANTS;

/** Packets, and so reply blocks, for one message with so many octets of commands. */
export function packetsOf(octets: number): number {
  return octets <= ROOM ? 1 : countPackets(octets + ATTENDANTS + STREAM_GROWTH + Math.ceil(octets / 3000), 0);
}

/** What goes into which message: one after another as long as a packet carries it, and what is too large by itself. */
export function pack<Item extends { readonly octets: number }>(items: readonly Item[]): Item[][] {
  const messages: Item[][] = [];
  let room = 0;
  for (const item of items) {
    const last = messages.at(-1);
    if (last !== undefined && item.octets <= room) {
      last.push(item);
      room -= item.octets;
    } else {
      messages.push([item]);
      room = Math.max(0, ROOM - item.octets);
    }
  }
  return messages;
}

/** Packets for all of them. */
export function packetsFor(items: readonly { readonly octets: number }[]): number {
  return pack(items).reduce((sum, message) => sum + packetsOf(message.reduce((all, { octets }) => all + octets, 0)), 0);
}
