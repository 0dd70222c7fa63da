// How a message too long for one packet is cut up: into chunks of k blocks, each sent as n fragments of which any k
// suffice.   spec: mixminion-e2e 6.1

import { fragmentCapacity } from './fragment.ts';
import type { Overhead } from './sizes.ts';

const MAX_K = 16;
/** Fragments sent for each one needed. Written so that the products round as they always did. */
const EXPANSION = 1.3333333333333333;

export interface FragmentPlan {
  /** Octets of data in each fragment. */
  readonly capacity: number;
  /** Fragments of a chunk that are needed, and that are sent. */
  readonly k: number;
  readonly n: number;
  readonly chunks: number;
  /** Octets of a chunk, and of all chunks: the message and its padding. */
  readonly chunkSize: number;
  readonly paddedLength: number;
  /** Packets that the message becomes. */
  readonly packets: number;
  /** Packets that must arrive at least. */
  readonly needed: number;
}

/** The plan for a compressed message of `length` octets, an exit prefix included. */
export function planFragments(length: number, overhead: Overhead): FragmentPlan {
  const capacity = fragmentCapacity(overhead);
  const least = Math.ceil(length / capacity);
  let k = 2;
  while (k < least && k < MAX_K) k *= 2;
  const chunks = Math.ceil(least / k);
  const n = Math.ceil(EXPANSION * k);
  const chunkSize = k * capacity;
  return {
    capacity,
    k,
    n,
    chunks,
    chunkSize,
    paddedLength: chunks * chunkSize,
    packets: chunks * n,
    needed: chunks * k,
  };
}
