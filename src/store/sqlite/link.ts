// The way from the main thread to a worker of the store: typed calls, gathered so that callers who speak at the same moment
// share one message, and answered in one message a group.

import { Worker } from 'node:worker_threads';
import { StoreError } from '../errors.ts';
import { type Failure, fromFailure } from './failure.ts';

/** Any function that a worker offers; the types of its own are kept by the `Ops` of a link. */
export type Operation = (...args: never[]) => unknown;
export type Call = readonly [ticket: number, operation: string, args: readonly never[]];
export type Reply = readonly [ticket: number, value: unknown, failure?: Failure];

/** The first reply of every worker, which nobody asked for: it is ready, or why not. */
export const READY = 0;

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** Calls the operations `Ops` of the worker behind it. */
export class Link<Ops extends Record<keyof Ops, Operation>> {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  /** Resolves when the worker has opened the file. */
  readonly ready: Promise<unknown>;
  #lastTicket = READY;
  #outbox: Call[] = [];
  #transfer: ArrayBuffer[] = [];
  #ended: StoreError | undefined;

  /** `script` is the worker's module, `data` what it finds as `workerData`. */
  constructor(script: URL, data: unknown) {
    // node:sqlite warns once a thread that it is experimental; the worker runs nothing else that could warn.
    this.#worker = new Worker(script, { workerData: data, execArgv: ['--disable-warning=ExperimentalWarning'] });
    this.ready = this.#reply(READY);
    this.#worker.on('message', (replies: Reply[]) => this.#take(replies));
    this.#worker.on('error', (cause) => this.#end(new StoreError('internal', "the store's worker failed", { cause })));
    this.#worker.on('exit', () => this.#end(closed()));
  }

  /** How many calls wait for their answer. */
  get load(): number {
    return this.#waiting.size;
  }

  /** Runs an operation in the worker. Rejects with StoreError. Octets go as `give` or `copy` returns them. */
  call<K extends keyof Ops & string>(operation: K, ...args: Parameters<Ops[K]>): Promise<Awaited<ReturnType<Ops[K]>>> {
    if (this.#ended) return Promise.reject(this.#ended);
    this.#lastTicket += 1;
    if (this.#outbox.push([this.#lastTicket, operation, args]) === 1) queueMicrotask(() => this.#flush());
    return this.#reply(this.#lastTicket) as Promise<Awaited<ReturnType<Ops[K]>>>;
  }

  /** `bytes` themselves, whose memory goes to the worker with the call that is made next: the caller keeps nothing of it. */
  give(bytes: Uint8Array<ArrayBuffer>): Uint8Array {
    this.#transfer.push(bytes.buffer);
    return bytes;
  }

  /** A copy of `bytes` to go with the call that is made next. */
  copy(bytes: Uint8Array): Uint8Array {
    return this.give(new Uint8Array(bytes));
  }

  /** Lets the worker do what it was asked before, close its connection and end. What is asked from now on is refused. */
  async close(): Promise<void> {
    if (this.#ended) return;
    const exit = new Promise((resolve) => this.#worker.once('exit', resolve));
    this.#flush();
    this.#worker.postMessage('close');
    this.#ended = closed();
    await exit;
  }

  #reply(ticket: number): Promise<unknown> {
    return new Promise((resolve, reject) => this.#waiting.set(ticket, { resolve, reject }));
  }

  #flush(): void {
    const [calls, transfer] = [this.#outbox, this.#transfer];
    if (calls.length === 0) return;
    [this.#outbox, this.#transfer] = [[], []];
    this.#worker.postMessage(calls, transfer);
  }

  #take(replies: readonly Reply[]): void {
    for (const [ticket, value, failure] of replies) {
      const waiting = this.#waiting.get(ticket);
      this.#waiting.delete(ticket);
      if (failure) waiting?.reject(fromFailure(failure));
      else waiting?.resolve(value);
    }
  }

  #end(reason: StoreError): void {
    this.#ended ??= reason;
    for (const waiting of this.#waiting.values()) waiting.reject(this.#ended);
    this.#waiting.clear();
  }
}

function closed(): StoreError {
  return new StoreError('closed', 'the store is closed');
}
