// Randomness as a parameter, so that a test can repeat every choice. Production passes `systemRandom`.

import { randomBytes } from 'node:crypto';

export interface Random {
  /** The next `count` octets. */
  bytes(count: number): Buffer;
}

export const systemRandom: Random = { bytes: (count) => randomBytes(count) };

const MAX_31 = 0x7fffffff;

/**
 * A whole number from 0 to `bound - 1`, each equally likely; `bound` from 1 to 2^31 - 1.
 * Draws 4 octets at a time: top bit cleared, big-endian, drawn again when not below the
 * largest multiple of `bound` under 2^31 - 1. Type III vectors fix exactly this way of drawing.
 */
export function randomInt(random: Random, bound: number): number {
  if (!Number.isInteger(bound) || bound < 1 || bound > MAX_31) throw new RangeError(`no random number below ${bound}`);
  const limit = MAX_31 - (MAX_31 % bound);
  for (;;) {
    const value = random.bytes(4).readUInt32BE() & MAX_31;
    if (value < limit) return value % bound;
  }
}

/** Puts `items` in random order, in place: each place in turn takes one of those not yet placed. */
export function shuffle<T>(random: Random, items: T[]): T[] {
  for (let place = 0; place < items.length - 1; place += 1) {
    const chosen = place + randomInt(random, items.length - place);
    const held = items[place] as T;
    items[place] = items[chosen] as T;
    items[chosen] = held;
  }
  return items;
}

/** One of `items`, each equally likely. Throws RangeError when there is none. */
export function pick<T>(random: Random, items: readonly T[]): T {
  return items[randomInt(random, items.length)] as T;
}
