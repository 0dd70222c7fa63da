// Proof of work, our optional extension: the server's side of it, the arithmetic, and the client's search.   spec: smallmail 2.10

import { hash } from 'node:crypto';
import { toHex } from '../base/bytes.ts';
import { MINUTE } from '../base/time.ts';
import type { Post } from '../post/post.ts';

const TOKEN_LIFE = 10 * MINUTE;
const TOKENS = 4; // outstanding on one connection
const GAIN = { creates: 1, sends: 100 } as const;
const YIELD_AFTER = 20_000; // hashes between two looks at the rest of the world

/** SHA-256 of `token:nonce` begins with `bits` zero bits. */
export function isWork(token: string, nonce: string, bits: number): boolean {
  const digest = hash('sha256', `${token}:${nonce}`, 'buffer');
  const whole = bits >> 3;
  for (let place = 0; place < whole; place += 1) if (digest[place] !== 0) return false;
  return (digest[whole] ?? 0) >> (8 - (bits & 7)) === 0;
}

/** Searches for a nonce; about 2^bits hashes. `progress` hears how many were tried. Throws the signal's reason when aborted. */
export async function findWork(
  token: string,
  bits: number,
  { progress, signal }: { progress?: (tried: number) => void; signal?: AbortSignal } = {},
): Promise<string> {
  for (let tried = 0; ; tried += 1) {
    const nonce = tried.toString(36);
    if (isWork(token, nonce, bits)) return nonce;
    if (tried % YIELD_AFTER === YIELD_AFTER - 1) {
      progress?.(tried);
      await new Promise((resolve) => setImmediate(resolve));
      signal?.throwIfAborted();
    }
  }
}

/** What one connection has earned by work. */
export class WorkAllowance {
  readonly #post: Post;
  readonly #tokens = new Map<string, number>();
  #creates = 0;
  #sends = 0;

  constructor(post: Post) {
    this.#post = post;
  }

  /** A new token for this connection, good for ten minutes. */
  offer(): string {
    const token = toHex(this.#post.random.bytes(16));
    const [oldest] = this.#tokens.keys();
    if (this.#tokens.size >= TOKENS && oldest !== undefined) this.#tokens.delete(oldest);
    this.#tokens.set(token, this.#post.clock.now() + TOKEN_LIFE);
    return token;
  }

  /** True, and the allowance grows, when `nonce` is the work that was asked for. A token serves once. */
  claim(token: string, nonce: string, bits: number): boolean {
    const until = this.#tokens.get(token.toLowerCase());
    if (until === undefined || until < this.#post.clock.now() || !isWork(token, nonce, bits)) return false;
    this.#tokens.delete(token.toLowerCase());
    this.#creates += GAIN.creates;
    this.#sends += GAIN.sends;
    return true;
  }

  get hasCreate(): boolean {
    return this.#creates > 0;
  }

  get hasSend(): boolean {
    return this.#sends > 0;
  }

  takeCreate(): boolean {
    if (this.#creates === 0) return false;
    this.#creates -= 1;
    return true;
  }

  takeSend(): boolean {
    if (this.#sends === 0) return false;
    this.#sends -= 1;
    return true;
  }
}
