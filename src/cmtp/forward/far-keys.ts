// Keys of people elsewhere, asked of their own servers and remembered for a while; that somebody has none as well, for a shorter
// one.   spec: cmtp 9 D9

import { Recent } from '../../base/recent.ts';
import { type Clock, MINUTE } from '../../base/time.ts';
import type { Place } from '../wire/names.ts';
import type { FarServers } from './far-servers.ts';

const MAX_KEYS = 10_000;
const KEY_TIME = 10 * MINUTE;
const NO_KEY_TIME = MINUTE;

interface Known {
  readonly key: Uint8Array | undefined;
  readonly until: number;
}

export class FarKeys {
  readonly #clock: Clock;
  readonly #servers: FarServers;
  readonly #keys = new Recent<string, Known>(MAX_KEYS);

  constructor(clock: Clock, servers: FarServers) {
    this.#clock = clock;
    this.#servers = servers;
  }

  /** 32 octets; undefined when there is none. Throws what keeps it from being known. */
  async get(place: Place, signal?: AbortSignal): Promise<Uint8Array | undefined> {
    const known = this.#known(place);
    if (known !== undefined) return known.key;
    const key = await this.#servers.converse(place.domain, signal, (session) => {
      return session.keyOf(place.account, place.domain);
    });
    this.#remember(place, key);
    return key;
  }

  #known(place: Place): Known | undefined {
    const known = this.#keys.get(nameOf(place));
    return known !== undefined && known.until > this.#clock.now() ? known : undefined;
  }

  #remember(place: Place, key: Uint8Array | undefined): void {
    const until = this.#clock.now() + (key === undefined ? NO_KEY_TIME : KEY_TIME);
    this.#keys.set(nameOf(place), { key, until });
  }
}

function nameOf({ account, domain }: Place): string {
  return `${domain.toLowerCase()}\0${account}`;
}
