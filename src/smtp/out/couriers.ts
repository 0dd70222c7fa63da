// Carries one message to the people of one domain: into the hands of whoever owns the address here, to a smart host, or to the
// domain's own servers one after the other. Says for each recipient what became of it.

import { createHash } from 'node:crypto';
import { codeOf, messageOf } from '../../base/errors.ts';
import { Recent } from '../../base/recent.ts';
import { Slots } from '../../base/slots.ts';
import { HOUR, MINUTE } from '../../base/time.ts';
import { formatEndpoint, isLoopback } from '../../net/endpoint.ts';
import type { Post } from '../../post/post.ts';
import { SmtpRelayError } from '../errors.ts';
import { type Relayed, type RelayHost, type RelayMail, RelaySession } from '../relay.ts';
import type { SmtpSettings } from '../settings.ts';
import { matchesTlsa, type TlsaLookup } from './dane.ts';
import { IdleSessions } from './idle-sessions.ts';
import { routeTo, type Server } from './routes.ts';
import { type FetchText, NO_POLICY, type Policy, PolicyDesk } from './sts.ts';
import type { Suppression } from './suppression.ts';
import type { Fate, Waiting, WaitingMail } from './waiting.ts';
import { wishesFor } from './wishes.ts';

/** Recipients in one conversation; RFC 5321 4.5.3.1.8 lets any server take so many. */
export const MAX_ABREAST = 100;
/** A domain that could not be reached is left alone for so long: a long queue would wait for each time-out. */
const REST = 2 * MINUTE;
const MAX_RESTING = 10_000;
/** For one message to one server, long ones on slow lines too. */
const CONVERSATION = HOUR;
const PERMANENT = 500;

/** What the way out needs of the world beside its settings. */
export interface World {
  readonly hostname: string;
  /** Where other mail servers listen: 25, but for tests. */
  readonly port: number;
  readonly fetch: FetchText;
  /** Undefined where nobody can say whether an answer of the name service was checked. */
  readonly tlsa: TlsaLookup | undefined;
  /** PEM certificates to trust in place of the system's, for tests. */
  readonly ca?: string;
}

export interface CourierParts {
  readonly post: Post;
  readonly world: World;
  readonly settings: SmtpSettings;
  readonly domains: readonly string[];
  /** The smart host with its password, if there is one. */
  readonly relay: RelayHost | undefined;
  readonly waiting: WaitingMail;
  readonly suppression: Suppression;
}

export type Fates = ReadonlyMap<string, Fate>;

export class Couriers {
  readonly #parts: CourierParts;
  readonly #policies: PolicyDesk;
  readonly #connections: Slots;
  readonly #perDomain = new Recent<string, Slots>(MAX_RESTING);
  readonly #idle: IdleSessions;
  readonly #restsUntil = new Recent<string, { until: number; words: string }>(MAX_RESTING);

  constructor(parts: CourierParts) {
    this.#parts = parts;
    this.#policies = new PolicyDesk(parts.post, parts.world.fetch);
    this.#connections = new Slots(parts.settings.sending);
    this.#idle = new IdleSessions(parts.post.clock);
  }

  /** Ends the conversations in which nothing is under way. */
  close(): void {
    this.#idle.close();
  }

  /** `to` are addresses of `domain`, 100 at most. Rejects only when `signal` is aborted. */
  async carry(mail: Waiting, domain: string, to: readonly string[], signal: AbortSignal): Promise<Fates> {
    const { post, domains, suppression } = this.#parts;
    const fates = new Map<string, Fate>();
    const abroad: string[] = [];
    try {
      for (const recipient of to) {
        if (await post.local.owns(recipient)) fates.set(recipient, await this.#handOver(mail, recipient));
        else if (domains.includes(domain)) fates.set(recipient, failed('There is no such address here', '5.1.1'));
        else if (await suppression.has(recipient)) fates.set(recipient, failed('Gets no mail from here', '5.7.1'));
        else abroad.push(recipient);
      }
      if (abroad.length > 0)
        for (const entry of await this.#sendAbroad(mail, domain, abroad, signal)) fates.set(...entry);
    } catch (error) {
      if (signal.aborted) throw error;
      if (codeOf(error) === undefined) post.log.error('smtp.carry-failed', { reason: messageOf(error) });
      for (const recipient of to) if (!fates.has(recipient)) fates.set(recipient, waiting(messageOf(error)));
    }
    return fates;
  }

  /** The owner's own rule against duplicates makes it harmless to come twice. */
  async #handOver({ id, from }: Waiting, to: string): Promise<Fate> {
    const { post, waiting: mail } = this.#parts;
    const octets = await mail.octets(id);
    if (octets === undefined) return { state: 'delivered', words: 'it was dropped meanwhile', tells: true };
    const chunks: Buffer[] = [];
    for await (const chunk of octets.chunks) chunks.push(chunk);
    const once = createHash('sha256').update(id).update('\0').update(to).digest();
    const acceptance = await post.local.deliver({ to, from, message: Buffer.concat(chunks), via: 'smtp', once });
    switch (acceptance) {
      case 'stored':
      case 'duplicate':
        return { state: 'delivered', words: 'here' };
      case 'full':
        return waiting('The mailbox is full', '4.2.2');
      case 'too-large':
        return failed('The message is larger than what is taken for that address', '5.3.4');
      case 'unknown':
        return failed('There is no such address here', '5.1.1');
      case 'refused':
        return failed('The owner of the address does not take this message', '5.7.1');
    }
  }

  async #sendAbroad(mail: Waiting, domain: string, to: readonly string[], signal: AbortSignal): Promise<Fates> {
    const { settings, relay } = this.#parts;
    const direction = relay === undefined ? domain : `relay ${formatEndpoint(relay.endpoint)}`;
    const slots = this.#perDomain.get(direction) ?? new Slots(settings.sending_per_domain);
    this.#perDomain.set(direction, slots);
    await slots.take();
    await this.#connections.take();
    try {
      signal.throwIfAborted();
      const resting = this.#restsUntil.get(direction);
      if (resting !== undefined && resting.until > this.#parts.post.clock.now()) return all(to, waiting(resting.words));
      const fates = await this.#sendTo(mail, domain, to, signal);
      return typeof fates === 'string' ? this.#away(direction, to, fates) : fates;
    } finally {
      this.#connections.give();
      slots.give();
    }
  }

  #away(direction: string, to: readonly string[], words: string): Fates {
    this.#restsUntil.set(direction, { until: this.#parts.post.clock.now() + REST, words });
    return all(to, waiting(words, '4.4.1'));
  }

  /** Words alone when no server could be talked to. */
  async #sendTo(mail: Waiting, domain: string, to: readonly string[], signal: AbortSignal): Promise<Fates | string> {
    const { post, world, settings, relay } = this.#parts;
    if (relay !== undefined) return this.#tryEach(mail, to, [{ name: relay.endpoint.host, relay }], signal);
    // Where the operator has named the server, nothing is asked about it elsewhere.
    const isNamed = settings.routes.some((fixed) => fixed.domain === domain);
    const policy = isNamed ? NO_POLICY : await this.#policies.of(domain);
    const { resolver, random } = post;
    const { hostname, port } = world;
    const allows = (host: string) => policy.allows(host);
    const route = await routeTo(domain, { resolver, random, hostname, settings, port, allows });
    if (route.way === 'none') return all(to, failed(route.words, route.status));
    if (route.servers.length === 0) return 'None of the domain’s servers is one that its policy allows (MTA-STS)';
    const hosts = await Promise.all(
      route.servers.map(async (server) => ({ name: server.name, relay: await this.#manner(server, policy) })),
    );
    return this.#tryEach(mail, to, hosts, signal);
  }

  /** How a server is to be spoken to. DANE goes before MTA-STS: RFC 8461 2 */
  async #manner({ name, at }: Server, policy: Policy): Promise<RelayHost> {
    const { settings, world } = this.#parts;
    const { ca } = world;
    const host = { endpoint: at, name, ...(ca === undefined ? {} : { ca }) };
    const records = (await world.tlsa?.(name, at.port)) ?? [];
    if (records.length > 0) {
      return { ...host, tls: 'encrypted', judge: (certificate) => matchesTlsa(certificate, records) ?? true };
    }
    if (policy.enforced) return { ...host, tls: 'starttls' };
    return { ...host, tls: settings.tls_out === 'always' ? 'encrypted' : 'offered' };
  }

  async #tryEach(
    mail: Waiting,
    to: readonly string[],
    hosts: readonly { name: string; relay: RelayHost }[],
    signal: AbortSignal,
  ): Promise<Fates | string> {
    let words = 'No server answered';
    for (const { name, relay } of hosts) {
      try {
        const relayed = await this.#handTo(relay, mail, to, signal);
        if (relayed === undefined)
          return all(to, { state: 'delivered', words: 'it was dropped meanwhile', tells: true });
        const { refused, tells } = relayed;
        const fates = new Map(all(to, { state: 'delivered', words: 'accepted', server: name, tells }));
        for (const { to: recipient, code, text } of refused) {
          fates.set(recipient, { state: code >= PERMANENT ? 'failed' : 'waiting', words: text, server: name });
        }
        return fates;
      } catch (error) {
        if (signal.aborted || !(error instanceof SmtpRelayError)) throw error;
        words = error.message;
        if (error.code === 'refused') return all(to, { state: 'failed', words, server: name });
      }
    }
    return words;
  }

  /** In a conversation that is under way, else in a new one; undefined when the message is not there any more. Throws SmtpRelayError. */
  async #handTo(
    relay: RelayHost,
    mail: Waiting,
    to: readonly string[],
    signal: AbortSignal,
  ): Promise<Relayed | undefined> {
    const { post, world } = this.#parts;
    const idle = this.#idle.take(relay);
    if (idle !== undefined) {
      try {
        return await this.#sendIn(idle, relay, mail, to, signal);
      } catch (error) {
        // It may have ended while nobody spoke.
        if (signal.aborted || !(error instanceof SmtpRelayError && error.code === 'later')) throw error;
      }
    }
    const { hostname } = world;
    const way = { relay, hostname, clock: post.clock, timeout: CONVERSATION, signal };
    return this.#sendIn(await RelaySession.open(way), relay, mail, to, signal);
  }

  async #sendIn(
    session: RelaySession,
    relay: RelayHost,
    mail: Waiting,
    to: readonly string[],
    signal: AbortSignal,
  ): Promise<Relayed | undefined> {
    try {
      const octets = await this.#parts.waiting.octets(mail.id);
      if (octets === undefined) return undefined;
      const { size, eightBit, from } = mail;
      const notify = dsnOf(mail, to);
      const request: RelayMail = { from, to, message: { size, eightBit, chunks: octets.chunks }, notify };
      return await session.send(request, signal);
    } finally {
      this.#idle.give(relay, session);
    }
  }
}

/** `to` are alike in this. */
function dsnOf({ wishes }: Waiting, to: readonly string[]): NonNullable<RelayMail['notify']> {
  const { notify, original } = wishesFor(wishes, to[0] ?? '');
  return { ret: wishes.ret, envid: wishes.envelopeId, notify, orcpt: original };
}

/** A smart host without TLS is one on this machine. */
export function isSafeRelay({ tls, endpoint }: Pick<RelayHost, 'tls' | 'endpoint'>): boolean {
  return tls !== 'none' || isLoopback(endpoint.host);
}

function all(to: readonly string[], fate: Fate): Fates {
  return new Map(to.map((recipient) => [recipient, fate]));
}

function failed(words: string, status: string): Fate {
  return { state: 'failed', words, status };
}

function waiting(words: string, status?: string): Fate {
  return { state: 'waiting', words, ...(status === undefined ? {} : { status }) };
}
