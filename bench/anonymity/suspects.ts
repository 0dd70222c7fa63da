// Who an observer must suspect: for a packet that is seen, how likely it is each of the messages that were handed in. Messages
// are numbered in the order in which that happened, so those in question lie side by side.

/** Probabilities of the messages from number `first` on. */
export interface Suspects {
  readonly first: number;
  readonly weights: Float64Array;
}

/** As little as this may be left out, of messages of long ago. */
const NEGLIGIBLE = 1e-7;

export interface Share {
  readonly suspects: Suspects;
  readonly share: number;
}

/** Those of a packet that a sender hands in: nobody else. */
export function onlyOne(message: number): Suspects {
  return { first: message, weights: Float64Array.of(1) };
}

/** Those of a packet that is one of several, each with its share; the shares make 1. */
export function oneOf(shares: readonly Share[]): Suspects {
  const first = Math.min(...shares.map(({ suspects }) => suspects.first));
  const end = Math.max(...shares.map(({ suspects }) => suspects.first + suspects.weights.length));
  const weights = new Float64Array(end - first);
  for (const { suspects, share } of shares) {
    const offset = suspects.first - first;
    for (let i = 0; i < suspects.weights.length; i += 1)
      weights[offset + i] = (weights[offset + i] as number) + share * (suspects.weights[i] as number);
  }
  let negligible = 0;
  for (let left = NEGLIGIBLE; negligible < weights.length - 1; negligible += 1) {
    left -= weights[negligible] as number;
    if (left < 0) break;
  }
  return { first: first + negligible, weights: weights.slice(negligible) };
}

/** How likely it is `message`. */
export function suspicionOf({ first, weights }: Suspects, message: number): number {
  return weights[message - first] ?? 0;
}

/** Entropy in bits. */
function entropy({ weights }: Suspects): number {
  let bits = 0;
  for (const weight of weights) if (weight > 0) bits -= weight * Math.log2(weight);
  return bits;
}

/** How many messages would hide a packet as well if all were equally likely (Serjantov and Danezis). */
export function effectiveSize(suspects: Suspects): number {
  return 2 ** entropy(suspects);
}
