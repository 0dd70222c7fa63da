// Exit type FRAGMENT: the parts of messages that this server puts together for its senders.   spec: mixminion-server 4.4

import { toHex } from '../../base/bytes.ts';
import { type Clock, DAY, startOfDay } from '../../base/time.ts';
import { PayloadError } from '../payload/errors.ts';
import { recognizePayload } from '../payload/payload.ts';
import { ReassemblyPool, type ReassemblyStorage } from '../payload/reassembly.ts';
import { isReady } from '../payload/reassembly-state.ts';
import { type ExitAddress, parseExitPrefix } from '../payload/server-fragment.ts';

/** Fragments come as plain forward messages to nobody in particular. */
const IDENTITY = '';
/** Messages begun and not complete. Each costs its sender at least one packet. */
const MAX_OPEN = 100_000;
/** How long a finished message is remembered, so that a late fragment begins nothing: longer than a packet key lives. */
const MEMORY = 60 * DAY;

export interface FragmentLimits {
  /** Octets of a compressed message, its exit prefix included. */
  readonly maximumSize: number;
  /** How long a message may take to become complete, ms. */
  readonly maximumInterval: number;
}

/** A message that is whole, its own exit type and address in front. */
export type WholeMessage = ExitAddress & { readonly id: string; readonly compressed: Buffer };

export class Fragments {
  readonly #clock: Clock;
  readonly #pool: ReassemblyPool;
  readonly #open = new Set<string>();
  readonly #ready = new Set<string>();
  #swept = 0;

  #limits: FragmentLimits;

  private constructor(clock: Clock, storage: ReassemblyStorage, limits: FragmentLimits) {
    this.#clock = clock;
    this.#limits = limits;
    const currentLimit = () => this.#limits.maximumSize;
    this.#pool = new ReassemblyPool(storage, {
      clock,
      get maxSize() {
        return currentLimit();
      },
    });
  }

  /** Picks up what an earlier run left. */
  static async open(clock: Clock, storage: ReassemblyStorage, limits: FragmentLimits): Promise<Fragments> {
    const fragments = new Fragments(clock, storage, limits);
    for (const state of await fragments.#pool.messages()) {
      if (state.status !== 'open') continue;
      fragments.#open.add(state.id);
      if (isReady(state)) fragments.#ready.add(state.id);
    }
    return fragments;
  }

  /** Other limits, for all that comes from now on. */
  use(limits: FragmentLimits): void {
    this.#limits = limits;
  }

  /** Keeps one packet's payload. Returns why it was dropped, or undefined when it is kept.   spec: mixminion-e2e 7 */
  async take(routingInfo: Uint8Array, payload: Buffer): Promise<string | undefined> {
    if (routingInfo.length > 0) return 'fragment-address';
    const fragment = recognized(payload);
    if (fragment === undefined) return 'not-a-fragment';
    const id = toHex(fragment.messageId);
    if (this.#open.size >= MAX_OPEN && !this.#open.has(id)) return 'fragments-full';
    const { result, ready, ...why } = await this.#pool.add(fragment, IDENTITY);
    if (result === 'rejected') this.#forget(id);
    if (result === 'stored') this.#open.add(id);
    if (ready) this.#ready.add(id);
    return 'reason' in why ? `fragment-${why.reason}` : undefined;
  }

  /**
   * Gives each message that is whole to `accept`, which keeps it durably, and lets its fragments go. Counts in `dropped`
   * what cannot be read. What `accept` throws leaves the message for the next time.
   */
  async collect(accept: (message: WholeMessage) => Promise<void>, dropped: (reason: string) => void): Promise<void> {
    for (const id of this.#ready) {
      try {
        await accept({ id, ...parseExitPrefix(await this.#pool.read(id)) });
        await this.#pool.complete(id);
      } catch (error) {
        if (!(error instanceof PayloadError)) throw error;
        dropped('fragment-prefix');
        await this.#pool.reject(id).catch(unlessFinished);
      }
      this.#forget(id);
    }
    await this.#sweep(dropped);
  }

  /** Once a day: dates are kept by the day.   spec: mixminion-e2e 7 */
  async #sweep(dropped: (reason: string) => void): Promise<void> {
    const today = startOfDay(this.#clock.now());
    if (this.#swept === today) return;
    this.#swept = today;
    const expired = await this.#pool.expire(this.#limits.maximumInterval);
    for (let message = 0; message < expired; message += 1) dropped('fragments-expired');
    await this.#pool.forgetFinished(MEMORY);
    if (expired === 0) return;
    const left = new Set((await this.#pool.messages()).filter(({ status }) => status === 'open').map(({ id }) => id));
    for (const id of this.#open) if (!left.has(id)) this.#forget(id);
  }

  #forget(id: string): void {
    this.#open.delete(id);
    this.#ready.delete(id);
  }
}

/** A message that is finished already needs no end. */
function unlessFinished(error: unknown): void {
  if (!(error instanceof PayloadError)) throw error;
}

function recognized(payload: Buffer) {
  try {
    const found = recognizePayload(payload);
    return found?.kind === 'fragment' ? found : undefined;
  } catch (error) {
    if (error instanceof PayloadError) return undefined;
    throw error;
  }
}
