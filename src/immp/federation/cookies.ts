// Cookies with which this domain shows another one who it is: made for that one, asked back by it once, soon.   spec: immp 2.6

import { equalBytes, toHex } from '../../base/bytes.ts';
import type { Random } from '../../base/random.ts';
import { type Clock, SECOND } from '../../base/time.ts';

const OCTETS = 16;
const LIFE = 120 * SECOND;
const MAX_LIVE = 10_000;

interface Cookie {
  readonly domain: string;
  readonly value: Buffer;
  readonly until: number;
}

export class Cookies {
  readonly #clock: Clock;
  readonly #random: Random;
  /** In order of making. */
  #live: Cookie[] = [];

  constructor({ clock, random }: { readonly clock: Clock; readonly random: Random }) {
    this.#clock = clock;
    this.#random = random;
  }

  /** 32 lower-case hex digits, good for one question of that domain. */
  make(domain: string): string {
    const now = this.#clock.now();
    const value = toHex(this.#random.bytes(OCTETS));
    const kept = this.#live.filter(({ until }) => until > now).slice(1 - MAX_LIVE);
    this.#live = [...kept, { domain: domain.toLowerCase(), value: Buffer.from(value), until: now + LIFE }];
    return value;
  }

  /** Whether this cookie was made for that domain. It is used up then. */
  redeem(value: string, domain: string): boolean {
    const now = this.#clock.now();
    const asked = Buffer.from(value.toLowerCase());
    const name = domain.toLowerCase();
    let found: Cookie | undefined;
    for (const cookie of this.#live) {
      // Every cookie is compared, however many fit.
      if (equalBytes(cookie.value, asked) && cookie.domain === name && cookie.until > now) found = cookie;
    }
    if (found !== undefined) this.#live.splice(this.#live.indexOf(found), 1);
    return found !== undefined;
  }

  /** It will not be asked for any more. */
  drop(value: string): void {
    this.#live = this.#live.filter((cookie) => !equalBytes(cookie.value, Buffer.from(value)));
  }
}
