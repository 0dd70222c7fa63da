// Which reply blocks were used: a block is good for one packet, and a second one would show both to be of one sender. A
// block is durably marked before anyone gets to use it, so that a crash wastes a block at worst.
// spec: mixminion-client-api 7; mixminion-e2e 10

import { type Clock, DAY, HOUR, MINUTE, startOfDay, systemClock } from '../../base/time.ts';
import type { When } from '../directory/descriptor.ts';
import { Mix3SurbUnusableError } from './errors.ts';
import type { Surb } from './surb.ts';
import { asApi } from './translate.ts';

/** A block that has less than this left counts as expired ... */
const LEAST_LEFT = MINUTE;
/** ... and with less than this left its packet might come too late. */
const TRAVEL_TIME = 3 * HOUR;

export interface SurbMark {
  /** `Surb.digest`, 40 hex digits. */
  readonly digest: string;
  /** When the block is over, in milliseconds since 1970 UTC: the mark may be forgotten then. */
  readonly expires: number;
}

/** Where marks are kept. Each step is durable when its promise resolves. */
export interface SurbLogStorage {
  has(digest: string): Promise<boolean>;
  add(marks: readonly SurbMark[]): Promise<void>;
  /** Forgets marks that expired before `time`. */
  forgetBefore(time: number): Promise<void>;
}

/** What keeps a block from being used. */
export type SurbFlaw = 'used' | 'expired' | 'expires-soon';

export class SurbLog {
  readonly #storage: SurbLogStorage;
  readonly #clock: Clock;
  /** The midnight before marks were last forgotten. */
  #cleaned = Number.NEGATIVE_INFINITY;
  /** Steps follow one another, so that no two callers get the same block. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(storage: SurbLogStorage, clock: Clock = systemClock) {
    this.#storage = storage;
    this.#clock = clock;
  }

  isUsed(surb: Surb): Promise<boolean> {
    return this.#inTurn(() => this.#storage.has(surb.digest));
  }

  /** Marks a block as used; to be called before its packet is made. `pickUnused` does so itself. */
  markUsed(surb: Surb): Promise<void> {
    return this.#inTurn(() => this.#mark([surb]));
  }

  /**
   * The first `count` usable blocks, in their order, marked as used by the time the promise resolves. Throws
   * Mix3SurbUnusableError, and marks none, when there are not as many.   spec: mixminion-e2e 10
   */
  pickUnused(surbs: readonly Surb[], count: number, now: When = this.#clock.now()): Promise<Surb[]> {
    return this.#inTurn(async () => {
      const chosen = new Map<string, Surb>();
      const flaws: SurbFlaw[] = [];
      for (const surb of surbs) {
        if (chosen.size === count) break;
        const { digest } = surb;
        const flaw = chosen.has(digest) ? 'used' : await this.#flawOf(surb, digest, Number(now));
        if (flaw === undefined) chosen.set(digest, surb);
        else flaws.push(flaw);
      }
      if (chosen.size < count) throw tooFew(chosen.size, count, flaws);
      await this.#mark([...chosen.values()]);
      return [...chosen.values()];
    });
  }

  async #flawOf(surb: Surb, digest: string, now: number): Promise<SurbFlaw | undefined> {
    const left = Number(surb.expires) - now;
    if (left < LEAST_LEFT) return 'expired';
    if (left < TRAVEL_TIME) return 'expires-soon';
    return (await this.#storage.has(digest)) ? 'used' : undefined;
  }

  async #mark(surbs: readonly Surb[]): Promise<void> {
    await this.#storage.add(surbs.map((surb) => ({ digest: surb.digest, expires: Number(surb.expires) })));
    const today = startOfDay(this.#clock.now());
    if (today < this.#cleaned + DAY) return;
    await this.#storage.forgetBefore(this.#clock.now());
    this.#cleaned = today;
  }

  #inTurn<T>(step: () => Promise<T>): Promise<T> {
    const result = this.#last.then(() => asApi(step));
    this.#last = result.catch(() => undefined); // whoever asked for the step hears of its failure
    return result;
  }
}

function tooFew(have: number, need: number, flaws: readonly SurbFlaw[]): Mix3SurbUnusableError {
  const counted = (['used', 'expired', 'expires-soon'] as const)
    .map((flaw) => [flaw, flaws.filter((other) => other === flaw).length] as const)
    .filter(([, count]) => count > 0);
  const why = counted.map(([flaw, count]) => `${count} ${flaw.replace('-', ' ')}`).join(', ') || 'there are no more';
  return new Mix3SurbUnusableError(`${need} reply blocks are needed and ${have} can be used: ${why}`, {
    remedy: 'ask the recipient for new ones',
  });
}
