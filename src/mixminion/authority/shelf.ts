// The descriptors that a directory server has taken in, in the store: one document each. What has expired or is superseded goes.

import type { Clock } from '../../base/time.ts';
import type { Documents } from '../../store/store.ts';
import { ServerDescriptor } from '../directory/descriptor.ts';

const OWNER = 'directory/descriptors';

export class Shelf {
  readonly #documents: Documents;
  readonly #clock: Clock;

  constructor(documents: Documents, clock: Clock) {
    this.#documents = documents;
    this.#clock = clock;
  }

  async add(descriptor: ServerDescriptor): Promise<void> {
    await this.#documents.put(OWNER, nameOf(descriptor), Buffer.from(descriptor.text, 'latin1'));
  }

  /** The fingerprints of all whose descriptors lie here. */
  async servers(): Promise<string[]> {
    const names = await this.#documents.list(OWNER);
    return [...new Set(names.map((name) => name.slice(0, name.indexOf('/'))))];
  }

  /** The descriptors of one server, or of all. */
  async of(fingerprint = ''): Promise<ServerDescriptor[]> {
    const names = (await this.#documents.list(OWNER)).filter((name) => name.startsWith(fingerprint));
    const found = await Promise.all(names.map((name) => this.#documents.get(OWNER, name)));
    return found.flatMap((document) => {
      if (document === undefined) return [];
      // Its signature was verified when it came.
      const options = { validate: false, clock: this.#clock };
      return [ServerDescriptor.parse(document.value.toString('latin1'), options).descriptor];
    });
  }

  async remove(descriptors: readonly ServerDescriptor[]): Promise<void> {
    for (const descriptor of descriptors) await this.#documents.remove(OWNER, nameOf(descriptor));
  }

  /** Removes, of one server or of all, what is of no use any more.   spec: mixminion-directory 3.4 */
  async tidy(fingerprint = ''): Promise<void> {
    const all = await this.of(fingerprint);
    const now = this.#clock.now();
    await this.remove(all.filter((one) => one.fields.validUntil < now || one.isSupersededBy(ownOthers(one, all))));
  }
}

/** Another server's descriptor supersedes nothing, whatever it calls itself. */
export function ownOthers(descriptor: ServerDescriptor, all: readonly ServerDescriptor[]): ServerDescriptor[] {
  return all.filter((other) => other.fingerprint === descriptor.fingerprint);
}

function nameOf({ fingerprint, digest }: ServerDescriptor): string {
  return `${fingerprint}/${digest.toString('hex')}`;
}
