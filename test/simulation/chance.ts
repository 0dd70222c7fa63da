// Everything that is left to chance in a simulation comes from its seed, each kind of thing from a stream of its own, so that
// more of one does not change another.

import { createHash } from 'node:crypto';
import { type Random, randomInt } from '../../src/base/random.ts';
import { CounterRandom } from '../../src/crypto/aes-ctr.ts';

export interface Chance extends Random {
  /** A number from 0 to 1, 1 excluded. */
  share(): number;
  /** A number from `from` to `until`, `until` excluded. */
  between(from: number, until: number): number;
  /** Positive numbers with this mean, most of them small. */
  about(mean: number): number;
  happens(probability: number): boolean;
}

const RANGE = 2 ** 30;

/** The stream `name` of a seed. */
export function chanceOf(seed: number, name: string): Chance {
  const key = createHash('sha256').update(`${seed} ${name}`).digest().subarray(0, 16);
  const random = new CounterRandom(key);
  const share = () => randomInt(random, RANGE) / RANGE;
  return {
    bytes: (count) => random.bytes(count),
    share,
    between: (from, until) => from + share() * (until - from),
    about: (mean) => -mean * Math.log(1 - share()),
    happens: (probability) => share() < probability,
  };
}
