// Opens packets in worker threads, one for each core: the RSA of a hop takes most of a node's time.

import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { RsaPrivateKey } from '../../../crypto/rsa.ts';
import { KeepingError } from '../disk/errors.ts';
import { memoryOf } from '../memory.ts';
import { type Reply, type Request, unpack } from './protocol.ts';
import type { Opened, Unopened, Unwrapper } from './unwrapper.ts';

const SCRIPT = new URL(`./worker${extname(import.meta.url)}`, import.meta.url);

/** `threads`: how many; one for each core is as fast as it gets. */
export function workerUnwrapper(threads: number): Unwrapper {
  const workers = Array.from({ length: threads }, () => new UnwrapWorker());
  // A thread that ended has the load of an infinite queue; when all have, one of them says so.
  const idlest = () => workers.reduce((best, worker) => (worker.load < best.load ? worker : best));
  return {
    width: threads,
    open: (packet) => idlest().open(packet),
    useKeys(keys) {
      for (const worker of workers) worker.useKeys(keys);
    },
    async close() {
      await Promise.all(workers.map((worker) => worker.close()));
    },
  };
}

class UnwrapWorker {
  readonly #worker = new Worker(SCRIPT);
  readonly #waiting = new Map<number, PromiseWithResolvers<Opened | Unopened>>();
  readonly #ended: Promise<void>;
  #lastTicket = 0;
  #failure: KeepingError | undefined;

  constructor() {
    this.#worker.on('message', ({ ticket, outcome }: Reply) => {
      this.#waiting.get(ticket)?.resolve(unpack(outcome));
      this.#waiting.delete(ticket);
    });
    this.#worker.on('error', (cause) => this.#fail(new KeepingError('io', 'an unwrapping thread failed', { cause })));
    this.#ended = new Promise((resolve) => {
      this.#worker.once('exit', () => {
        this.#fail(new KeepingError('closed', 'the unwrapping threads have ended'));
        resolve();
      });
    });
  }

  /** Packets that it was given and has not opened yet. */
  get load(): number {
    return this.#failure === undefined ? this.#waiting.size : Number.POSITIVE_INFINITY;
  }

  open(packet: Buffer): Promise<Opened | Unopened> {
    if (this.#failure) return Promise.reject(this.#failure);
    this.#lastTicket += 1;
    const opened = Promise.withResolvers<Opened | Unopened>();
    this.#waiting.set(this.#lastTicket, opened);
    const octets = new Uint8Array(packet.buffer, packet.byteOffset, packet.byteLength);
    this.#post({ ticket: this.#lastTicket, packet: octets }, memoryOf(packet));
    return opened.promise;
  }

  useKeys(keys: readonly RsaPrivateKey[]): void {
    this.#post({ keys: keys.map(({ keyObject }) => keyObject) });
  }

  async close(): Promise<void> {
    this.#post('close');
    await this.#ended;
  }

  #post(request: Request, memory: ArrayBuffer[] = []): void {
    this.#worker.postMessage(request, memory);
  }

  #fail(error: KeepingError): void {
    this.#failure ??= error;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}
