// The coverage-guided loop: runs inputs in batches, keeps each that reaches something new, and mutates what is kept.

import { setImmediate } from 'node:timers/promises';
import type { Coverage } from './coverage.ts';
import { seededDraw } from './draw.ts';
import { mutate, walk } from './mutate.ts';
import { MAX_INPUT } from './protocol.ts';

/** Inputs between two looks at the coverage, which cost far more than a run; doubled as long as nothing is new. */
const SMALLEST_BATCH = 8;
const LARGEST_BATCH = 256;
/** One input in so many is a step of a walk, as long as there is one to take. */
const WALK_SHARE = 4;
/** Mutated inputs may be twice as long as the longest kept at the start, and at least so many octets. */
const ROOM = 4096;

export interface Exploration {
  /** The same seed gives the same inputs, when the runs do the same. */
  readonly seed: number;
  /** All of them are kept. */
  readonly seeds: readonly Buffer[];
  /** Inputs of earlier explorations; kept when they reach something new. */
  readonly corpus: readonly Buffer[];
  readonly words: readonly Buffer[];
  readonly coverage: Coverage;
  /** Runs one input, which is its own to change. What it throws ends the exploration. */
  run(input: Buffer): void | Promise<void>;
  /** Told after the last run of a batch, before anything else takes time. */
  rest(): void;
  /** Told of each input that reached something new. */
  kept(input: Buffer): void;
  /** Asked before each run: true cuts the batch short. The seeds are run in any case. */
  stopped(): boolean;
  /** Asked between batches: true ends the exploration. */
  enough(corpus: number): boolean;
}

/** Explores until `enough` says so. */
export async function explore(given: Exploration): Promise<void> {
  const { coverage, run, enough } = given;
  const draw = seededDraw(given.seed);
  const kept = [Buffer.alloc(0), ...given.seeds];
  const walks = kept.map(walk);

  const runAll = async (batch: readonly Buffer[], { always = false } = {}) => {
    for (const input of batch) {
      if (given.stopped() && !always) break;
      const running = run(Buffer.from(input));
      if (running !== undefined) await running;
    }
    given.rest();
    await setImmediate(); // lets messages leave and stray rejections surface
    return coverage.look();
  };

  /** Runs a batch again in halves, and those in halves, down to the inputs that reach something new by themselves. */
  const keepNew = async (batch: readonly Buffer[]): Promise<void> => {
    const middle = Math.ceil(batch.length / 2);
    for (const half of [batch.slice(0, middle), batch.slice(middle)]) {
      if (half.length === 0) continue;
      const growth = await runAll(half);
      if (growth === undefined) continue;
      const [input] = half;
      if (half.length > 1 || input === undefined) {
        await keepNew(half);
      } else {
        coverage.add(growth);
        kept.push(input);
        walks.push(walk(input));
        given.kept(input);
      }
    }
  };

  for (const seed of kept) coverage.add((await runAll([seed], { always: true })) ?? []);
  for (const input of given.corpus) await keepNew([input]);

  const maxLength = Math.min(MAX_INPUT, Math.max(ROOM, ...kept.map((input) => 2 * input.length)));
  const some = () => kept[draw(kept.length)] as Buffer;
  const recent = () => kept[Math.max(draw(kept.length), draw(kept.length))] as Buffer;
  /** The next step of one of the walks that are not done, sooner of a recent one. */
  const step = (): Buffer | undefined => {
    const at = Math.max(draw(walks.length), draw(walks.length));
    const next = walks[at]?.next();
    if (next?.done !== true) return next?.value;
    walks.splice(at, 1);
    return step();
  };
  const material = { draw, other: some, words: given.words, maxLength };
  for (let size = SMALLEST_BATCH; !enough(kept.length); size = Math.min(2 * size, LARGEST_BATCH)) {
    const batch = Array.from(
      { length: size },
      () => (draw(WALK_SHARE) === 0 ? step() : undefined) ?? mutate(recent(), material),
    );
    const growth = await runAll(batch);
    if (growth === undefined) continue;
    await keepNew(batch);
    coverage.add(growth); // what no input reaches a second time, such as the filling of a cache, is no longer news
    size = SMALLEST_BATCH / 2;
  }
}
