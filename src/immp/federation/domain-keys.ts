// The OpenPGP keys of other domains: asked for, pinned, remembered for a day.   spec: immp 1.9, 2.8, 2.11

import type { PublicKey } from 'openpgp';
import { DAY } from '../../base/time.ts';
import { Pins } from '../../post/pins.ts';
import { Refusal } from '../codes.ts';
import type { Room } from '../room.ts';
import type { Imid } from '../wire/imid.ts';
import { FarError } from './errors.ts';
import type { FarServers } from './far-servers.ts';
import { requestKey } from './key-request.ts';
import { fingerprintOf, readKey } from './openpgp.ts';
import { warnOfKey } from './warning.ts';

const OWNER = 'immp-out/keys';
const KNOWN_FOR = DAY;

export class DomainKeys {
  readonly #room: Room;
  readonly #far: FarServers;
  readonly #pins: Pins;

  constructor(room: Room, far: FarServers) {
    this.#room = room;
    this.#far = far;
    this.#pins = new Pins(room.post, 'immp-openpgp');
  }

  /** The pinned key of a domain; undefined when it has none. Throws FarError `changed-key`, Refusal 429, and what keeps it from being asked. */
  async of(domain: string, signal?: AbortSignal): Promise<PublicKey | undefined> {
    const { store, clock } = this.#room.post;
    const now = clock.now();
    const kept = await store.documents.get(OWNER, domain);
    const known = kept && (JSON.parse(kept.value.toString()) as { armoured: string; asked: number });
    if (known && now - known.asked < KNOWN_FOR) return readKey(known.armoured, now);
    // Whoever brings something sealed names its origin: that must not make us ask strangers for ever.
    if (!this.#room.mayCallBack(domain)) throw new Refusal('429');
    const armoured = await this.ask(domain, domain, signal);
    if (armoured === undefined) return undefined;
    const key = await readKey(armoured, now);
    await this.#check(domain, fingerprintOf(key));
    await store.documents.put(OWNER, domain, Buffer.from(JSON.stringify({ armoured, asked: now })));
    return key;
  }

  /** The armour of the key of a domain or of somebody there, as the server on the way to `domain` says. */
  ask(domain: string, of: Imid | string, signal?: AbortSignal): Promise<string | undefined> {
    const next = this.#room.nextTo(domain);
    return this.#far.converse(next, (session) => requestKey(session, of), { signal, line: 'keys' });
  }

  async #check(domain: string, fingerprint: string): Promise<void> {
    const before = await this.#pins.get(domain);
    if ((await this.#pins.check(domain, Buffer.from(fingerprint, 'hex'))) !== 'changed') return;
    if (before?.offered !== fingerprint) {
      await warnOfKey(this.#room, 'immp-openpgp', domain, before?.fingerprint ?? '', fingerprint);
    }
    throw new FarError('changed-key', `${domain} has another OpenPGP key than before`);
  }
}
