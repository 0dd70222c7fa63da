// Pushes of users for other domains. Those for one domain that come at about the same time travel together: one conversation, in
// which several are under way at once.   spec: immp 2.2, 2.10

import { ClientError } from '../client/errors.ts';
import { type OutgoingPush, push } from '../client/push.ts';
import type { ImmpSession } from '../client/session.ts';
import { type FarServers, isOver } from '../federation/far-servers.ts';

/** Pipelines of one conversation; a server takes 16.   spec: immp 2.14 */
export const PIPELINES = 8;
/** Pushes that go before mail for the same domain has its turn. */
const MAX_LENGTH = 100;

interface Parcel {
  readonly outgoing: OutgoingPush;
  settle(): void;
  fail(error: unknown): void;
}

interface Convoy {
  /** Those that have no answer yet. */
  readonly parcels: Parcel[];
  /** Called when one joins. */
  joined: () => void;
}

export class Convoys {
  /** By domain and kind. */
  readonly #under = new Map<string, Convoy>();

  /**
   * Resolves when the other domain has the push. Throws what is in its way: ClientError with the server's answer, FarError,
   * NetError.
   */
  send(far: FarServers, outgoing: OutgoingPush, signal: AbortSignal): Promise<void> {
    const domain = outgoing.to.domain.toLowerCase();
    const { secure = false } = outgoing;
    const key = `${secure} ${domain}`;
    return new Promise((settle, fail) => {
      const parcel = { outgoing, settle, fail };
      const convoy = this.#under.get(key);
      if (convoy === undefined) {
        void this.#travel(key, [parcel], (work) => far.converse(domain, work, { secure, signal }));
      } else {
        convoy.parcels.push(parcel);
        convoy.joined();
      }
    });
  }

  /** Whoever joins on the way comes along. */
  async #travel(
    key: string,
    parcels: Parcel[],
    converse: (work: (session: ImmpSession) => Promise<void>) => Promise<void>,
  ): Promise<void> {
    const convoy: Convoy = { parcels, joined: () => {} };
    this.#under.set(key, convoy);
    try {
      while (parcels.length > 0) await converse((session) => hand(session, convoy));
    } catch (error) {
      for (const { fail } of parcels.splice(0)) fail(error);
    }
    this.#under.delete(key);
  }
}

/** Those that are answered leave the convoy. Throws what ends the conversation. */
async function hand(session: ImmpSession, convoy: Convoy): Promise<void> {
  const sent = new Set<Parcel>();
  const under = new Set<Promise<void>>();
  const failures: unknown[] = [];
  for (;;) {
    const mayBegin = under.size < PIPELINES && sent.size < MAX_LENGTH && failures.length === 0;
    const next = mayBegin ? convoy.parcels.find((parcel) => !sent.has(parcel)) : undefined;
    if (next !== undefined) {
      sent.add(next);
      const one: Promise<void> = handOne(session, next, convoy.parcels)
        .catch((error) => void failures.push(error))
        .finally(() => under.delete(one));
      under.add(one);
    } else if (under.size > 0) {
      const joined = Promise.withResolvers<void>();
      convoy.joined = joined.resolve;
      await Promise.race([joined.promise, ...under]);
    } else if (failures.length > 0) {
      throw failures[0];
    } else {
      return;
    }
  }
}

async function handOne(session: ImmpSession, parcel: Parcel, parcels: Parcel[]): Promise<void> {
  let end = parcel.settle;
  try {
    await push(session, parcel.outgoing, session.newPipe());
  } catch (error) {
    if (!(error instanceof ClientError) || error.reply === undefined || isOver(error)) throw error;
    end = () => parcel.fail(error);
  }
  parcels.splice(parcels.indexOf(parcel), 1);
  end();
}
