// Mixing: which packets of a pool leave at one moment, and in what order. Pure functions of the pool's size, its
// parameters and chance.   spec: mixminion-server 1.1

import { type Random, randomInt, shuffle } from '../../base/random.ts';
import { MINUTE } from '../../base/time.ts';

export const STRATEGIES = ['timed', 'dynamic', 'binomial'] as const;
export type StrategyName = (typeof STRATEGIES)[number];

/** Below these a pool is said to be weak.   spec: mixminion-server 1.1 */
const SOUND_MINIMUM = 5;
const SOUND_INTERVAL = 30 * MINUTE;

export interface PoolParameters {
  /**
   * `timed` sends all it has. `dynamic` (Cottrell) keeps some back and sends a part of the rest. `binomial` sends each
   * packet with the chance that makes as many leave on average as `dynamic` would send.
   */
  readonly strategy: StrategyName;
  /** Milliseconds from one batch to the next. */
  readonly interval: number;
  /** Packets that stay in the pool, whatever happens. Not for `timed`. */
  readonly minimum: number;
  /** The largest part of the pool that leaves at a time, from 0 to 1. Not for `timed`. */
  readonly rate: number;
}

/** How many leave a pool of `size`; with `binomial`, on average.   spec: mixminion-server 1.1 */
export function batchSize(size: number, { strategy, minimum, rate }: PoolParameters): number {
  if (strategy === 'timed') return size;
  if (size <= minimum) return 0;
  return Math.min(size - minimum, Math.max(1, Math.floor(size * rate)));
}

/** Which places of a pool of `size` leave now, in random order: numbers from 0 to `size - 1`.   spec: mixminion-server 1.1 */
export function chooseBatch(size: number, parameters: PoolParameters, random: Random): number[] {
  const count = batchSize(size, parameters);
  const places = Array.from({ length: size }, (_, place) => place);
  if (parameters.strategy !== 'binomial') return shuffle(random, places).slice(0, count);
  return shuffle(
    random,
    places.filter(() => randomInt(random, size) < count),
  );
}

export interface PoolWeakness {
  /** The parameter that makes it weak. */
  readonly by: keyof PoolParameters;
  /** For the descriptor's `Why-Insecure`. */
  readonly text: string;
}

/** Why this pool hides less than it should; nothing when it is sound. */
export function poolWeaknesses({ strategy, interval, minimum }: PoolParameters): PoolWeakness[] {
  const weaknesses: PoolWeakness[] = [];
  if (strategy === 'timed') weaknesses.push({ by: 'strategy', text: 'Timed mixing keeps nothing back' });
  else if (minimum < SOUND_MINIMUM) weaknesses.push({ by: 'minimum', text: 'The pool keeps too few packets back' });
  if (interval < SOUND_INTERVAL) weaknesses.push({ by: 'interval', text: 'The mixing interval is too short' });
  return weaknesses;
}
