// The keys of other servers as this office knows them: a server's first key is pinned, and another one later waits for the
// operator. Kept in the store; `postern pins` shows and changes them.

import { toHex } from '../base/bytes.ts';
import { type Clock, startOfDay } from '../base/time.ts';
import type { Store } from '../store/store.ts';

/** How a pin came to be: at first sight, by the operator, by a certificate of an authority, by the server's own announcement. */
export type PinOrigin = 'first-use' | 'operator' | 'authority' | 'announced';

export type PinCheck = 'match' | 'new' | 'changed';

export interface Pin {
  readonly domain: string;
  /** Lower-case hex. */
  readonly fingerprint: string;
  readonly origin: PinOrigin;
  /** The days on which it was first and last seen, in ms. */
  readonly firstSeen: number;
  readonly lastSeen: number;
  /** Another key that the server showed since, lower-case hex: refused until the operator accepts it. */
  readonly offered?: string;
  /** The key that the server said, under its pinned one, it will show next; lower-case hex. */
  readonly next?: string;
}

type Stored = Omit<Pin, 'domain'>;

/** Where pins are kept, and what day it is. */
interface Notebook {
  readonly store: Pick<Store, 'documents'>;
  readonly clock: Clock;
}

export class Pins {
  readonly #post: Notebook;
  readonly #owner: string;

  /** Each counter has pins of its own, since each has its own kind of key. */
  constructor(post: Notebook, counter: string) {
    this.#post = post;
    this.#owner = `pins/${counter}`;
  }

  async get(domain: string): Promise<Pin | undefined> {
    const name = domain.toLowerCase();
    const found = await this.#post.store.documents.get(this.#owner, name);
    return found && { domain: name, ...(JSON.parse(found.value.toString()) as Stored) };
  }

  /** Compares with what is pinned. A `new` one is pinned by this, and so is an announced one; a `changed` one is remembered as offered. */
  async check(domain: string, fingerprint: Uint8Array): Promise<PinCheck> {
    const today = startOfDay(this.#post.clock.now());
    const pin = await this.get(domain);
    if (pin === undefined) {
      await this.replace(domain, fingerprint, 'first-use');
      return 'new';
    }
    if (pin.fingerprint === toHex(fingerprint)) {
      if (pin.lastSeen < today) await this.#put(domain, { ...pin, lastSeen: today });
      return 'match';
    }
    if (pin.next === toHex(fingerprint)) {
      await this.replace(domain, fingerprint, 'announced');
      return 'match';
    }
    if (pin.offered !== toHex(fingerprint)) await this.#put(domain, { ...pin, offered: toHex(fingerprint) });
    return 'changed';
  }

  /** Pins this key, whatever was pinned. */
  async replace(domain: string, fingerprint: Uint8Array, origin: PinOrigin): Promise<void> {
    const today = startOfDay(this.#post.clock.now());
    await this.#put(domain, { fingerprint: toHex(fingerprint), origin, firstSeen: today, lastSeen: today });
  }

  /** What the server with the pinned key says it will show next, if anything. Only for what came over a connection with that key. */
  async announce(domain: string, fingerprint: Uint8Array | undefined): Promise<void> {
    const pin = await this.get(domain);
    const said = fingerprint && toHex(fingerprint);
    if (pin === undefined || pin.next === said || pin.fingerprint === said) return;
    const { next: _before, ...others } = pin;
    await this.#put(domain, { ...others, ...(said === undefined ? {} : { next: said }) });
  }

  /** Pins the key that was offered; undefined when there is none. */
  async accept(domain: string): Promise<Pin | undefined> {
    const offered = (await this.get(domain))?.offered;
    if (offered === undefined) return undefined;
    await this.replace(domain, Buffer.from(offered, 'hex'), 'operator');
    return this.get(domain);
  }

  /** The next key that the server shows will be as good as the first. False when none is pinned. */
  forget(domain: string): Promise<boolean> {
    return this.#post.store.documents.remove(this.#owner, domain.toLowerCase());
  }

  async list(): Promise<Pin[]> {
    const domains = await this.#post.store.documents.list(this.#owner);
    const pins = await Promise.all(domains.map((domain) => this.get(domain)));
    return pins.filter((pin) => pin !== undefined);
  }

  async #put(domain: string, { fingerprint, origin, firstSeen, lastSeen, offered, next }: Stored): Promise<void> {
    const stored: Stored = {
      fingerprint,
      origin,
      firstSeen,
      lastSeen,
      ...(offered === undefined ? {} : { offered }),
      ...(next === undefined ? {} : { next }),
    };
    await this.#post.store.documents.put(this.#owner, domain.toLowerCase(), Buffer.from(JSON.stringify(stored)));
  }
}
