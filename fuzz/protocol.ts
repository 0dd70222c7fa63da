// What the two sides of the harness share: the orders and reports between them, and a window of shared memory in which
// the input that is being run stays readable when the worker hangs or dies.

/** Octets; longer inputs are cut. */
export const MAX_INPUT = 1024 * 1024;

export interface Failure {
  readonly kind: 'error' | 'hang' | 'memory';
  /** Name of the error's class. */
  readonly name: string;
  readonly message: string;
  readonly stack: string;
}

export interface Progress {
  readonly runs: number;
  /** How many inputs are kept because each reached something that those before it had not. */
  readonly corpus: number;
  /** How many blocks of the source under test were reached. */
  readonly blocks: number;
  /** Since the target was loaded. */
  readonly ms: number;
}

export interface WorkerOrder {
  /** Path of the target's file. */
  readonly file: string;
  readonly order: 'replay' | { readonly explore: { seed: number; runs: number; corpus: readonly Uint8Array[] } };
  readonly shared: SharedArrayBuffer;
}

export type WorkerReport =
  /** The target cannot be loaded. */
  | { readonly kind: 'broken'; readonly message: string }
  | { readonly kind: 'progress' | 'end'; readonly progress: Progress }
  | { readonly kind: 'kept'; readonly input: Uint8Array }
  | { readonly kind: 'passed' }
  /** `fatal`: the worker is of no further use. */
  | { readonly kind: 'failed'; readonly input: Uint8Array; readonly failure: Failure; readonly fatal: boolean };

/** Two failures with the same signature are taken for the same bug: same kind, same class, thrown at the same place. */
export function signatureOf({ kind, name, stack }: Failure): string {
  return `${kind} ${name} ${/^\s+at .*$/m.exec(stack)?.[0] ?? ''}`;
}

/** Places of the 32-bit words at the head of the shared memory, and its octets. */
const [RUNS, BUSY, STOPPED, LENGTH] = [0, 1, 2, 3];
const HEAD = 16;

/** The view of one side on the shared memory; without an argument, new memory. */
export function openWindow(shared = new SharedArrayBuffer(HEAD + MAX_INPUT)) {
  const head = new Int32Array(shared, 0, HEAD / 4);
  const body = new Uint8Array(shared, HEAD);
  return {
    shared,
    /** Says that the run of `input` begins. */
    begin(input: Uint8Array) {
      body.set(input);
      Atomics.store(head, LENGTH, input.length);
      Atomics.store(head, BUSY, 1);
      Atomics.add(head, RUNS, 1);
    },
    /** Says that no run is under way. */
    rest: () => void Atomics.store(head, BUSY, 0),
    busy: () => Atomics.load(head, BUSY) === 1,
    /** How many runs have begun. */
    runs: () => Atomics.load(head, RUNS),
    /** A copy of the input whose run began last. */
    input: () => Buffer.from(body.subarray(0, Atomics.load(head, LENGTH))),
    stop: () => void Atomics.store(head, STOPPED, 1),
    stopped: () => Atomics.load(head, STOPPED) === 1,
  };
}
