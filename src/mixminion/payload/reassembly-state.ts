// What is known about a message whose fragments are coming in, and what one more fragment means for it.
// Pure: the pool in reassembly.ts keeps these records and the data.   spec: mixminion-e2e 7

import { sha1 } from '../../crypto/hash.ts';
import { placeOf } from './assemble.ts';
import type { Fragment } from './fragment.ts';
import { planFragments } from './fragment-plan.ts';
import type { Overhead } from './sizes.ts';

/** A record of plain values: it survives JSON. */
export interface MessageState {
  /** The message id in hex, 40 digits. */
  readonly id: string;
  /** Finished messages are remembered, so that a late fragment does not begin them anew. */
  readonly status: 'open' | 'completed' | 'rejected';
  /** Octets of the compressed message, exit prefix included. */
  readonly size: number;
  readonly overhead: Overhead;
  /** Whom the fragments were for. No two identities may share a message: that would show that they are one person. */
  readonly identity: string;
  /** The midnight before the first fragment came, in ms since 1970 UTC. */
  readonly date: number;
  /** By chunk number: put together already, or the SHA-1 (hex) of each fragment held, by place. */
  readonly chunks: { readonly [chunk: number]: 'whole' | { readonly [place: number]: string } };
}

export type Admission =
  /** Of no use: the message is finished, or we have this fragment or enough of its chunk. */
  | { readonly action: 'drop'; readonly reason: 'finished' | 'duplicate' | 'chunk-whole' }
  /** The message is a fraud: nothing of it is kept. */
  | {
      readonly action: 'reject';
      readonly reason: 'too-large' | 'differs' | 'no-such-place' | 'contradiction';
      readonly state: MessageState;
    }
  /** Keep it. `completes` lists the other places of the chunk when it has all that it needs now. */
  | {
      readonly action: 'store';
      readonly state: MessageState;
      readonly chunk: number;
      readonly place: number;
      readonly completes?: readonly number[];
    };

export interface Arrival {
  readonly identity: string;
  /** The midnight before now. */
  readonly date: number;
  /** Octets that a compressed message may have. */
  readonly maxSize: number;
}

/** What to do with `fragment` of a message known as `known`, if it is known at all.   spec: mixminion-e2e 7 */
export function admit(known: MessageState | undefined, fragment: Fragment, arrival: Arrival): Admission {
  if (known !== undefined && known.status !== 'open') return { action: 'drop', reason: 'finished' };
  const state = known ?? firstState(fragment, arrival);
  const reject = (reason: 'too-large' | 'differs' | 'no-such-place' | 'contradiction'): Admission => ({
    action: 'reject',
    reason,
    state: finished(state, 'rejected'),
  });

  if (fragment.messageSize > arrival.maxSize) return reject('too-large');
  const { size, overhead, identity } = state;
  if (fragment.messageSize !== size || fragment.overhead !== overhead || arrival.identity !== identity)
    return reject('differs');
  const plan = planFragments(size, overhead);
  const where = placeOf(fragment.index, plan);
  if (where === undefined) return reject('no-such-place');

  const held = state.chunks[where.chunk] ?? {};
  if (held === 'whole') return { action: 'drop', reason: 'chunk-whole' };
  const digest = sha1(fragment.data).toString('hex');
  const before = held[where.place];
  if (before !== undefined)
    return before === digest ? { action: 'drop', reason: 'duplicate' } : reject('contradiction');
  const others = Object.keys(held).map(Number);
  const complete = others.length + 1 === plan.k;
  const chunks = { ...state.chunks, [where.chunk]: complete ? 'whole' : { ...held, [where.place]: digest } } as const;
  const next = { ...state, date: Math.min(state.date, arrival.date), chunks };
  return { action: 'store', state: next, ...where, ...(complete ? { completes: others } : {}) };
}

/** The record that stays of a message when its data go. */
export function finished(state: MessageState, status: 'completed' | 'rejected'): MessageState {
  return { ...state, status, chunks: {} };
}

/** How many useful fragments are there, and how many the message takes.   spec: mixminion-e2e 7 */
export function progressOf(state: MessageState): { readonly have: number; readonly need: number } {
  const { k, needed } = planFragments(state.size, state.overhead);
  const counts = Object.values(state.chunks).map((held) => (held === 'whole' ? k : Object.keys(held).length));
  return { have: counts.reduce((sum, count) => sum + count, 0), need: needed };
}

/** Whether the message can be read now. */
export function isReady(state: MessageState): boolean {
  const { have, need } = progressOf(state);
  return state.status === 'open' && have === need;
}

function firstState({ messageId, messageSize, overhead }: Fragment, { identity, date }: Arrival): MessageState {
  const id = messageId.toString('hex');
  return { id, status: 'open', size: messageSize, overhead, identity, date, chunks: {} };
}
