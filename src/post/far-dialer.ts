// The way to the server of another domain: the first of its places that answers in time; and a server that is away is left alone
// for a while.

import { Recent } from '../base/recent.ts';
import { type Clock, SECOND } from '../base/time.ts';
import type { Connection } from '../net/connection.ts';
import { dialPlain } from '../net/dial.ts';
import type { Endpoint } from '../net/endpoint.ts';
import { NetError } from '../net/errors.ts';

/** For all places of a domain together. */
const DIAL_TIME = 40 * SECOND;
const LEAST_DIAL_TIME = 5 * SECOND;
/** A domain whose server did not answer is left alone for so long: less than the first wait of a message. */
const AWAY_TIME = 50 * SECOND;
const MAX_AWAY = 10_000;

export interface FarDialerOptions {
  readonly clock: Clock;
  /** Where to try, the best place first. */
  routes(domain: string): Promise<readonly Endpoint[]>;
  /** What is thrown for a domain without a place. */
  nowhere(domain: string): Error;
}

export class FarDialer {
  readonly #options: FarDialerOptions;
  /** Domains, and until when. */
  readonly #away = new Recent<string, number>(MAX_AWAY);

  constructor(options: FarDialerOptions) {
    this.#options = options;
  }

  /** A connection in the clear, before anything is said. Throws NetError `unreachable`, and what `routes` and `nowhere` give. */
  async dial(domain: string, timeout = DIAL_TIME): Promise<Connection> {
    const { clock } = this.#options;
    const name = domain.toLowerCase();
    if ((this.#away.get(name) ?? 0) > clock.now()) {
      throw new NetError('unreachable', 'the server was away just now');
    }
    const until = clock.now() + timeout;
    const places = await this.#options.routes(name);
    let failure: unknown = this.#options.nowhere(name);
    for (const to of places) {
      const left = until - clock.now();
      if (left <= 0) break;
      try {
        return await dialPlain({ to, clock, timeout: Math.max(left / 2, LEAST_DIAL_TIME) });
      } catch (error) {
        failure = error;
      }
    }
    if (places.length > 0) this.#away.set(name, clock.now() + AWAY_TIME);
    throw failure;
  }
}
