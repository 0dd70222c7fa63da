// When packet keys are made, used and deleted; pure.   spec: mixminion-server 3

import { DAY, HOUR, startOfDay } from '../../../base/time.ts';

/** How long the network may take until it knows a new key. */
const PUBLICATION_DELAY = 61 * HOUR;
/** How long before that a key is ready. */
const PREPARED_AHEAD = 14 * DAY;

/** Both in milliseconds. */
export interface KeyLifetimes {
  /** From the first midnight of a key to its last: at least a day; parts of days are cut off. 30 days are usual. */
  readonly lifetime: number;
  /** How long packets are still taken under a key that has ended; from 6 to 72 hours, 24 are usual. */
  readonly overlap: number;
}

/** The days of one packet key. Both are midnights UTC, in milliseconds since 1970. */
export interface Term {
  /** From 1 up. */
  readonly number: number;
  readonly validAfter: number;
  readonly validUntil: number;
}

/** Whether packets are taken under this key. */
export function isLive({ validAfter, validUntil }: Term, now: number, { overlap }: KeyLifetimes): boolean {
  return validAfter <= now && validUntil >= now - overlap;
}

/** Whether no packet will be taken under this key any more. */
export function isDead({ validUntil }: Term, now: number, { overlap }: KeyLifetimes): boolean {
  return validUntil < now - overlap;
}

/** The terms of the keys to make now, in order; `terms` are those that are not dead. */
export function termsToMake(terms: readonly Term[], now: number, { lifetime }: KeyLifetimes): Term[] {
  const made: Term[] = [];
  const add = (validAfter: number, latest = Number.POSITIVE_INFINITY) => {
    const number = nextNumber([...terms, ...made]);
    made.push({ number, validAfter, validUntil: Math.min(startOfDay(validAfter + lifetime), latest) });
  };
  // Also when the first begins later, as after a clock that was ahead.
  const first = Math.min(...terms.map(({ validAfter }) => validAfter));
  if (first > now) add(startOfDay(now), first);
  for (;;) {
    const end = Math.max(...[...terms, ...made].map(({ validUntil }) => validUntil));
    if (end >= now + PUBLICATION_DELAY + PREPARED_AHEAD) return made;
    add(end);
  }
}

/** When the keys next change: one becomes valid, is dead, or has to be made. After `now`. */
export function nextChange(terms: readonly Term[], now: number, lifetimes: KeyLifetimes): number {
  const end = Math.max(...terms.map(({ validUntil }) => validUntil));
  const moments = [
    ...terms.flatMap(({ validAfter, validUntil }) => [validAfter, validUntil + lifetimes.overlap + 1]),
    end - PUBLICATION_DELAY - PREPARED_AHEAD + 1,
  ];
  return Math.min(...moments.filter((moment) => moment > now));
}

/** The first is 1; then down from the lowest while that is more than 1, else up from the highest. */
function nextNumber(terms: readonly Term[]): number {
  const numbers = terms.map(({ number }) => number);
  if (numbers.length === 0) return 1;
  const lowest = Math.min(...numbers);
  return lowest > 1 ? lowest - 1 : Math.max(...numbers) + 1;
}
