// The commands of one connection that are under way. Those of no pipeline run one after the other, each named pipeline runs
// one at a time beside them.   spec: immp 2.2

import { Refusal } from './codes.ts';

/** spec: immp 2.14 */
const MAX_LIVE = 16;
/** Commands of no pipeline that may wait for their turn before no more is read. */
const MAX_WAITING = 32;

export class Pipelines {
  readonly #named = new Map<string, AbortController>();
  #unnamed: Promise<void> = Promise.resolve();
  #waiting = 0;
  #running = new Set<Promise<void>>();

  /** Whether anything is under way. */
  get live(): boolean {
    return this.#running.size > 0;
  }

  /**
   * Runs `work`, which must not reject, when its turn comes; resolves when it has ended. The signal is aborted by `end`.
   * Throws Refusal 704 or 705.
   */
  start(pipe: string | undefined, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const stop = new AbortController();
    const unnamed = this.#waiting > 0 ? 1 : 0;
    if (pipe !== undefined) {
      if (this.#named.has(pipe)) throw new Refusal('705');
      if (this.#named.size + unnamed >= MAX_LIVE) throw new Refusal('704');
      this.#named.set(pipe, stop);
      return this.#track(work(stop.signal).finally(() => this.#named.delete(pipe)));
    }
    if (unnamed === 0 && this.#named.size >= MAX_LIVE) throw new Refusal('704');
    this.#waiting += 1;
    const done = this.#unnamed.then(() => work(stop.signal)).finally(() => (this.#waiting -= 1));
    this.#unnamed = done;
    return this.#track(done);
  }

  /** Aborts the command that runs in the pipeline; false when there is none. */
  end(pipe: string): boolean {
    this.#named.get(pipe)?.abort();
    return this.#named.has(pipe);
  }

  /** Resolves when the unnamed pipeline has ended. */
  async unnamed(): Promise<void> {
    await this.#unnamed;
  }

  /** Resolves when there is room for another command in the unnamed pipeline. */
  async room(): Promise<void> {
    if (this.#waiting >= MAX_WAITING) await this.#unnamed;
  }

  /** Resolves when nothing is under way; `hurry` aborts what can be aborted. */
  async drained(hurry: boolean): Promise<void> {
    if (hurry) for (const stop of this.#named.values()) stop.abort();
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  #track(done: Promise<void>): Promise<void> {
    this.#running.add(done);
    void done.finally(() => this.#running.delete(done));
    return done;
  }
}
