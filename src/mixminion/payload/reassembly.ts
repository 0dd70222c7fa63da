// The pool of fragments waiting for the rest of their message, for an exit server as for a reader. It keeps nothing
// itself: records and data lie in a storage that the caller brings, and every step is one change of that storage.
// spec: mixminion-e2e 7

import { type Clock, startOfDay } from '../../base/time.ts';
import { joinChunks, recoverChunk } from './assemble.ts';
import { NeedMoreFragmentsError, PayloadError } from './errors.ts';
import type { Block } from './fec.ts';
import type { Fragment } from './fragment.ts';
import { planFragments } from './fragment-plan.ts';
import { type Admission, admit, finished, isReady, type MessageState, progressOf } from './reassembly-state.ts';

export interface ReassemblyStorage {
  state(id: string): Promise<MessageState | undefined>;
  /** All records, in any order. */
  states(): Promise<readonly MessageState[]>;
  /** A piece of a message that was put there by an earlier change. */
  piece(id: string, name: string): Promise<Buffer>;
  /**
   * In one step, durable when the promise resolves: puts the record of `state.id` and one piece into place, and
   * removes pieces, or all of the message's.
   */
  change(
    state: MessageState,
    pieces: { readonly put?: readonly [name: string, data: Uint8Array]; readonly remove: readonly string[] | 'all' },
  ): Promise<void>;
  /** Removes a record and whatever belongs to it. */
  forget(id: string): Promise<void>;
}

export interface ReassemblyOptions {
  readonly clock: Clock;
  /** Octets that a compressed message, exit prefix included, may have; a larger one is refused at its first fragment. */
  readonly maxSize: number;
}

export type AddResult = { readonly id: string; readonly ready: boolean } & (
  | { readonly result: 'stored' }
  | { readonly result: 'dropped' | 'rejected'; readonly reason: (Admission & { reason: string })['reason'] }
);

export class ReassemblyPool {
  readonly #storage: ReassemblyStorage;
  readonly #options: ReassemblyOptions;
  /** Steps on the storage follow one another: each reads what the one before it wrote. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(storage: ReassemblyStorage, options: ReassemblyOptions) {
    this.#storage = storage;
    this.#options = options;
  }

  /** Takes a fragment that came for `identity`; `ready` says that its message can be read now. */
  add(fragment: Fragment, identity: string): Promise<AddResult> {
    return this.#inTurn(async () => {
      const id = fragment.messageId.toString('hex');
      const known = await this.#storage.state(id);
      const date = startOfDay(this.#options.clock.now());
      const admission = admit(known, fragment, { identity, date, maxSize: this.#options.maxSize });
      if (admission.action === 'drop') {
        return { id, ready: known !== undefined && isReady(known), result: 'dropped', reason: admission.reason };
      }
      if (admission.action === 'reject') {
        await this.#storage.change(admission.state, { remove: 'all' });
        return { id, ready: false, result: 'rejected', reason: admission.reason };
      }
      await this.#store(admission, fragment.data);
      return { id, ready: isReady(admission.state), result: 'stored' };
    });
  }

  /** All messages, the finished ones too. `progressOf` and `isReady` say more of each. */
  messages(): Promise<readonly MessageState[]> {
    return this.#inTurn(() => this.#storage.states());
  }

  /**
   * The compressed message, with its exit prefix if it has one. It stays in the pool until `complete`. Throws
   * NeedMoreFragmentsError when it cannot be read yet, PayloadError when there is no such message.
   */
  read(id: string): Promise<Buffer> {
    return this.#inTurn(async () => {
      const state = await this.#open(id);
      const { have, need } = progressOf(state);
      if (have < need) throw new NeedMoreFragmentsError(have, need);
      const chunks: Buffer[] = [];
      for (let chunk = 0; chunk < planFragments(state.size, state.overhead).chunks; chunk += 1)
        chunks.push(await this.#storage.piece(id, chunkName(chunk)));
      return joinChunks(chunks, state.size);
    });
  }

  /** The message has been dealt with: its data go, and late fragments of it will be dropped. */
  complete(id: string): Promise<void> {
    return this.#inTurn(async () => this.#finish(await this.#open(id), 'completed'));
  }

  /** Gives up on a message: its data go, and late fragments of it will be dropped. */
  reject(id: string): Promise<void> {
    return this.#inTurn(async () => this.#finish(await this.#open(id), 'rejected'));
  }

  /** Rejects unfinished messages that began more than `age` ms before the last midnight; returns how many. */
  expire(age: number): Promise<number> {
    return this.#olderThan(age, 'open', (state) => this.#finish(state, 'rejected'));
  }

  /** Forgets finished messages that began more than `age` ms before the last midnight; returns how many. */
  forgetFinished(age: number): Promise<number> {
    return this.#olderThan(age, 'finished', (state) => this.#storage.forget(state.id));
  }

  async #store(admission: Admission & { action: 'store' }, data: Buffer): Promise<void> {
    const { state, chunk, place, completes } = admission;
    const plan = planFragments(state.size, state.overhead);
    const name = (at: number) => fragmentName(chunk, at);
    if (completes === undefined) {
      await this.#storage.change(state, { put: [name(place), data], remove: [] });
      return;
    }
    const blocks: Block[] = [{ index: place, data }];
    for (const index of completes) blocks.push({ index, data: await this.#storage.piece(state.id, name(index)) });
    const whole = recoverChunk(blocks, plan);
    await this.#storage.change(state, { put: [chunkName(chunk), whole], remove: completes.map(name) });
  }

  async #open(id: string): Promise<MessageState> {
    const state = await this.#storage.state(id);
    if (state?.status !== 'open') throw new PayloadError('fragments', 'no fragments of such a message are here');
    return state;
  }

  #finish(state: MessageState, status: 'completed' | 'rejected'): Promise<void> {
    return this.#storage.change(finished(state, status), { remove: 'all' });
  }

  #olderThan(age: number, which: 'open' | 'finished', act: (state: MessageState) => Promise<void>): Promise<number> {
    return this.#inTurn(async () => {
      const limit = startOfDay(this.#options.clock.now()) - age;
      const old = (await this.#storage.states()).filter(
        ({ date, status }) => date < limit && (status === 'open') === (which === 'open'),
      );
      for (const state of old) await act(state);
      return old.length;
    });
  }

  #inTurn<T>(step: () => Promise<T>): Promise<T> {
    const result = this.#last.then(step);
    this.#last = result.catch(() => undefined); // whoever asked for the step hears of its failure
    return result;
  }
}

function fragmentName(chunk: number, place: number): string {
  return `fragment-${chunk}-${place}`;
}

function chunkName(chunk: number): string {
  return `chunk-${chunk}`;
}
