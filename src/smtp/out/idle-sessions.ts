// Conversations with other servers that have just handed over a message: the next one for the same server goes the same way, without
// another greeting. Each stays for a few seconds and a number of messages.

import { type Clock, SECOND } from '../../base/time.ts';
import { formatEndpoint } from '../../net/endpoint.ts';
import type { RelayHost, RelaySession } from '../relay.ts';

const PATIENCE = 5 * SECOND;
/** Messages in one conversation; many servers allow about so many. */
const MAX_SENT = 100;
const MAX_IDLE = 64;

interface Idle {
  readonly session: RelaySession;
  readonly cancel: () => void;
}

export class IdleSessions {
  readonly #clock: Clock;
  readonly #idle = new Map<string, Idle[]>();
  #count = 0;
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** One that greeted this host in this very manner; it is the caller's now. */
  take(host: RelayHost): RelaySession | undefined {
    for (;;) {
      const idle = this.#idle.get(keyOf(host))?.[0];
      if (idle === undefined) return undefined;
      this.#remove(host, idle);
      if (idle.session.usable) return idle.session;
      idle.session.close();
    }
  }

  /** Takes one over whose message is through. */
  give(host: RelayHost, session: RelaySession): void {
    if (this.#closed || !session.usable || session.sent >= MAX_SENT || this.#count >= MAX_IDLE) {
      session.close();
      return;
    }
    const cancel = this.#clock.timer(PATIENCE, () => {
      this.#remove(host, idle);
      session.close();
    });
    const idle = { session, cancel };
    const key = keyOf(host);
    this.#idle.set(key, [...(this.#idle.get(key) ?? []), idle]);
    this.#count += 1;
  }

  close(): void {
    this.#closed = true;
    for (const { session, cancel } of [...this.#idle.values()].flat()) {
      cancel();
      session.close();
    }
    this.#idle.clear();
    this.#count = 0;
  }

  #remove(host: RelayHost, idle: Idle): void {
    idle.cancel();
    const key = keyOf(host);
    const left = (this.#idle.get(key) ?? []).filter((other) => other !== idle);
    if (left.length > 0) this.#idle.set(key, left);
    else this.#idle.delete(key);
    this.#count -= 1;
  }
}

/** All that decides how the other side had to prove itself. */
function keyOf({ endpoint, tls, name, user, judge }: RelayHost): string {
  return [formatEndpoint(endpoint), tls, name ?? '', user ?? '', judge === undefined ? '' : 'judged'].join(' ');
}
