// The listening addresses of one counter as a set that can change while conversations go on.

import { type Endpoint, formatEndpoint } from './endpoint.ts';
import { Listener, type ListenOptions } from './listener.ts';

export interface Port extends ListenOptions {
  /** What it is, for people: `TLS`, `TLS, onion service`. Tells apart two ports on one address that the system chooses. */
  readonly what: string;
}

export class Ports {
  #open = new Map<string, { readonly listener: Listener; readonly what: string }>();
  /** No longer listening, but with conversations that go on. */
  readonly #retired = new Set<Listener>();

  get listening(): { readonly at: Endpoint; readonly what: string }[] {
    return [...this.#open.values()].map(({ listener, what }) => ({ at: listener.at, what }));
  }

  /** Open conversations. */
  get connections(): number {
    return this.#listeners().reduce((sum, listener) => sum + listener.connections, 0);
  }

  /**
   * Listens on `wanted` and on nothing else from now on. Where it listens already, the new certificate and limits are
   * taken and nobody is dropped. Throws NetError `unreachable`, and changes nothing, when an address cannot be had.
   */
  async use(wanted: readonly Port[]): Promise<void> {
    const next = new Map<string, { listener: Listener; what: string }>();
    const opened: Listener[] = [];
    try {
      for (const port of wanted) {
        const key = `${port.what} ${formatEndpoint(port.at)}`;
        const kept = this.#open.get(key)?.listener;
        const listener = kept ?? (await Listener.open(port));
        if (kept === undefined) opened.push(listener);
        next.set(key, { listener, what: port.what });
      }
    } catch (error) {
      for (const listener of opened) await listener.close(0);
      throw error;
    }
    for (const port of wanted) {
      const listener = next.get(`${port.what} ${formatEndpoint(port.at)}`)?.listener;
      if (port.identity) listener?.useIdentity(port.identity);
      listener?.useLimits(port.limits);
    }
    for (const [key, { listener }] of this.#open) {
      if (next.has(key)) continue;
      this.#retired.add(listener);
      void listener.retire().then(() => this.#retired.delete(listener));
    }
    this.#open = next;
  }

  /** Takes no more, and lets each conversation finish the command it is in for at most `grace` ms. */
  async close(grace: number): Promise<void> {
    await Promise.all(this.#listeners().map((listener) => listener.close(grace)));
    this.#open.clear();
  }

  #listeners(): Listener[] {
    return [...[...this.#open.values()].map(({ listener }) => listener), ...this.#retired];
  }
}
