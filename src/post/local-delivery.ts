// Who owns which mail address of this office. A counter that owns some says so; whoever has ordinary mail for an address of this
// office (a gateway, a remailer's exit, another counter) hands it over here and hears what became of it.

/** One RFC 5322 message for one address. */
export interface Arrival {
  /** `name@domain`, as it was addressed. */
  readonly to: string;
  /** The envelope's sender; empty when failures are to be told to nobody. */
  readonly from: string;
  /** The whole message. Lines may end in LF or CR LF. */
  readonly message: Uint8Array;
  /** What brought it: `smtp`, `mix`. For counting only. */
  readonly via: string;
  /** Two arrivals for one address with the same key are one message; without it each is its own. */
  readonly once?: Uint8Array;
}

export type Acceptance =
  /** Durable in the owner's hands. */
  | 'stored'
  /** It was here before, and that is as good as stored. */
  | 'duplicate'
  /** Nobody has this address (any more). */
  | 'unknown'
  /** The owner's room is used up. */
  | 'full'
  /** It is more than the owner's room would hold if it were empty. */
  | 'too-large'
  /** The owner does not want it. */
  | 'refused';

export interface AddressOwner {
  /** The counter's name. */
  readonly name: string;
  /** Whether mail for this address can be handed over now. */
  owns(address: string): Promise<boolean>;
  /** Resolves when it is settled; a rejection means that it may be tried again later. */
  deliver(arrival: Arrival): Promise<Acceptance>;
  /** Whether this password is the address's own; takes as long for an address that is not there. */
  checkPassword?(address: string, password: string): Promise<boolean>;
}

export class LocalDelivery {
  readonly #owners: AddressOwner[] = [];

  /** Owners are asked in the order in which they registered. Returns the end of it. */
  register(owner: AddressOwner): () => void {
    this.#owners.push(owner);
    return () => {
      const place = this.#owners.indexOf(owner);
      if (place >= 0) this.#owners.splice(place, 1);
    };
  }

  async owns(address: string): Promise<boolean> {
    return (await this.#ownerOf(address)) !== undefined;
  }

  async deliver(arrival: Arrival): Promise<Acceptance> {
    return (await this.#ownerOf(arrival.to))?.deliver(arrival) ?? 'unknown';
  }

  /** False when nobody owns the address, its owner knows no passwords, or it is another. */
  async checkPassword(address: string, password: string): Promise<boolean> {
    const owners = this.#owners.filter((owner) => owner.checkPassword !== undefined);
    const found = await Promise.all(owners.map((owner) => owner.checkPassword?.(address, password)));
    return found.includes(true);
  }

  async #ownerOf(address: string): Promise<AddressOwner | undefined> {
    for (const owner of this.#owners) if (await owner.owns(address)) return owner;
    return undefined;
  }
}
