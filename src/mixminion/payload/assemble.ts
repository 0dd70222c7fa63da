// From fragments back to the compressed message: which chunk and place a fragment has, a chunk out of any k of its
// fragments, and the whole out of its chunks.   spec: mixminion-e2e 6.2

import { unwhiten } from '../../crypto/lioness.ts';
import { NeedMoreFragmentsError, PayloadError } from './errors.ts';
import { type Block, recoverBlocks } from './fec.ts';
import type { Fragment } from './fragment.ts';
import { type FragmentPlan, planFragments } from './fragment-plan.ts';

/** Where fragment `index` belongs, or undefined when the message has fewer fragments. */
export function placeOf(index: number, plan: FragmentPlan): { chunk: number; place: number } | undefined {
  return index < plan.packets ? { chunk: Math.floor(index / plan.n), place: index % plan.n } : undefined;
}

/** A chunk out of exactly k of its fragments' data, by place. */
export function recoverChunk(blocks: readonly Block[], { k }: FragmentPlan): Buffer {
  return Buffer.concat(recoverBlocks(blocks, k));
}

/** The compressed message, with its exit prefix if it has one, out of all its chunks in order. */
export function joinChunks(chunks: readonly Uint8Array[], messageSize: number): Buffer {
  return unwhiten(Buffer.concat(chunks).subarray(0, messageSize));
}

/**
 * The compressed message out of fragments held in memory, in any order and with repetitions. Throws
 * NeedMoreFragmentsError when they are too few, PayloadError when they are not all of one message.
 */
export function assembleFragments(fragments: readonly Fragment[]): Buffer {
  const [first] = fragments;
  if (first === undefined) throw new NeedMoreFragmentsError(0, 1);
  const plan = planFragments(first.messageSize, first.overhead);
  const chunks = new Map<number, Map<number, Buffer>>();
  for (const fragment of fragments) {
    const where = placeOf(fragment.index, plan);
    if (where === undefined || !ofOneMessage(first, fragment)) throw unrelated();
    const blocks = chunks.get(where.chunk) ?? new Map<number, Buffer>();
    const known = blocks.get(where.place);
    if (known !== undefined && !known.equals(fragment.data)) throw unrelated();
    chunks.set(where.chunk, blocks.set(where.place, fragment.data));
  }
  const useful = [...chunks.values()].reduce((sum, blocks) => sum + Math.min(blocks.size, plan.k), 0);
  if (useful < plan.needed) throw new NeedMoreFragmentsError(useful, plan.needed);
  const whole = [...chunks]
    .sort(([a], [b]) => a - b)
    .map(([, blocks]) => recoverChunk(someBlocks(blocks, plan.k), plan));
  return joinChunks(whole, first.messageSize);
}

function ofOneMessage(a: Fragment, b: Fragment): boolean {
  return a.messageId.equals(b.messageId) && a.messageSize === b.messageSize && a.overhead === b.overhead;
}

/** `k` of the blocks held, those that are plain data first: they cost nothing to recover. */
function someBlocks(blocks: ReadonlyMap<number, Buffer>, k: number): Block[] {
  return [...blocks]
    .map(([index, data]) => ({ index, data }))
    .sort((a, b) => a.index - b.index)
    .slice(0, k);
}

function unrelated(): PayloadError {
  return new PayloadError('fragments', 'these are not fragments of one message');
}
