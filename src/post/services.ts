// What counters do for each other beside mail: one that can do something offers it under a key, and those that open after it
// find it there. All that they share is the key, which knows the type.

declare const offered: unique symbol;

/** Names a service of the type `T`. */
export interface ServiceKey<T> {
  readonly name: string;
  readonly [offered]?: T;
}

/** Each call makes another key, whatever its name: share the key itself. */
export function serviceKey<T>(name: string): ServiceKey<T> {
  return { name };
}

export class Services {
  readonly #offers = new Map<ServiceKey<unknown>, unknown>();

  /** The newest offer counts. Returns the end of it. */
  provide<T>(key: ServiceKey<T>, service: T): () => void {
    this.#offers.set(key, service);
    return () => {
      if (this.#offers.get(key) === service) this.#offers.delete(key);
    };
  }

  /** Undefined when nobody offers it (any more): ask again each time. */
  get<T>(key: ServiceKey<T>): T | undefined {
    return this.#offers.get(key) as T | undefined;
  }
}
