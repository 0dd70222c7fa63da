// What all conversations at the IMMP counter share: the post, the settings in force, accounts, secrets and rates.

import { join } from 'node:path';
import { SECOND } from '../base/time.ts';
import type { TlsIdentity } from '../net/tls-identity.ts';
import type { House } from '../post/counter.ts';
import { KeyedBuckets } from '../post/keyed-buckets.ts';
import type { Post } from '../post/post.ts';
import { Accounts } from './accounts.ts';
import { Secrets } from './auth/secrets.ts';
import { Vault } from './auth/vault.ts';
import { CALLBACKS } from './commands/auth-cookie.ts';
import type { FarServers } from './federation/far-servers.ts';
import type { SealedArrival } from './federation/open-sealed.ts';
import type { Delivery } from './mail/delivery.ts';
import { PushDesk } from './push/push-desk.ts';
import type { ImmpSettings } from './settings.ts';
import type { SpoolPlace } from './spool.ts';
import { Watching } from './watching.ts';
import { domain as domainKind, type Imid } from './wire/imid.ts';
import type { Carriage } from './xmpp/carriage.ts';

/** Takes messages for other domains. */
export interface Carrier {
  /** Resolves when the message is durable in its queue. Throws Refusal. */
  carry(delivery: Delivery): Promise<void>;
  /** Takes what is sealed to this domain, or to one whose mail goes through it; durable when this resolves. Throws Refusal. */
  takeSealed(arrival: SealedArrival): Promise<'delivered' | 'queued'>;
  /**
   * Takes what another server says of a message that a user here sent, and tells him; durable when this resolves. Throws Refusal 450
   * when there is no such message, or not that server's to speak of.
   */
  takeNotice(notice: Delivery, authority: string): Promise<void>;
  /** The armoured OpenPGP key of this domain. */
  ownKey(): Promise<string>;
  /** That of another domain, or of somebody there; undefined when there is none. Throws Refusal 451. */
  keyElsewhere(domain: string, of: Imid | string): Promise<string | undefined>;
}

export class Room {
  readonly post: Post;
  readonly accounts: Accounts;
  readonly secrets: Secrets;
  readonly watching: Watching;
  readonly push: PushDesk;
  readonly spool: SpoolPlace;
  /** The counter's own folder. */
  readonly folder: string;
  /** Undefined where nothing goes out. */
  carrier: Carrier | undefined;
  /** The servers of other domains; undefined where nobody talks with them. */
  far: FarServers | undefined;
  /** Undefined where XMPP is off. */
  xmpp: Carriage | undefined;
  /** Call-backs under way. */
  callingBack = 0;
  readonly #counted: ReturnType<Post['metrics']['counter']>;
  readonly #online = new Map<string, number>();
  #settings: ImmpSettings;
  #identity: TlsIdentity;
  #hostname: string;
  #deliveries: KeyedBuckets;
  readonly #callBacks: KeyedBuckets;

  private constructor(house: House, settings: ImmpSettings, secrets: Secrets) {
    const { post } = house;
    this.post = post;
    this.accounts = new Accounts(post);
    this.secrets = secrets;
    this.watching = new Watching(post.store);
    this.folder = house.folder;
    this.spool = { folder: join(house.folder, 'work'), random: post.random };
    this.push = new PushDesk(this);
    this.#settings = settings;
    this.#identity = house.identity;
    this.#hostname = house.hostname;
    this.#deliveries = new KeyedBuckets(settings.deliver_rate, post.clock);
    this.#callBacks = new KeyedBuckets(CALLBACKS, post.clock);
    this.#counted = post.metrics.counter('postern_immp_commands_total', 'IMMP commands by outcome', [
      'word',
      'outcome',
    ]);
  }

  static async open(house: House, settings: ImmpSettings): Promise<Room> {
    const vault = await Vault.open(house.folder, house.post.random);
    return new Room(house, settings, new Secrets(house.post, vault));
  }

  get settings(): ImmpSettings {
    return this.#settings;
  }

  /** What TLS shows; its fingerprint goes into K3. */
  get identity(): TlsIdentity {
    return this.#identity;
  }

  /** The domain of the accounts here. */
  get domain(): string {
    return domainOf(this.#settings, this.#hostname);
  }

  /** New settings and a renewed certificate, in force for each conversation from its next command on. */
  use(house: House, settings: ImmpSettings): void {
    this.#settings = settings;
    this.#identity = house.identity;
    this.#hostname = house.hostname;
    this.#deliveries = new KeyedBuckets(settings.deliver_rate, this.post.clock);
  }

  /** Counts a finished command by its word and what became of it. */
  count(word: string, outcome: string, times = 1): void {
    this.#counted({ word, outcome }, times);
  }

  /** Takes one delivery of `who` off the rate, or says that there is none left. */
  mayDeliver(who: string): boolean {
    return this.#deliveries.take(who);
  }

  /** The domain whose server takes mail for `domain`: itself, or a proxy. */
  nextTo(domain: string): string {
    const name = domain.toLowerCase();
    return this.#settings.routes.find((route) => route.domain === name)?.proxy ?? name;
  }

  /** Takes one call-back to `domain` off the rate, or says that there is none left.   spec: immp 2.6 */
  mayCallBack(domain: string): boolean {
    return this.#callBacks.take(domain);
  }

  /** One more conversation as `account`, unless it has as many as it may; the returned function ends it. */
  enter(account: string): (() => void) | undefined {
    const now = this.#online.get(account) ?? 0;
    if (now >= this.#settings.connections_per_account) return undefined;
    this.#online.set(account, now + 1);
    return () => {
      const left = (this.#online.get(account) ?? 1) - 1;
      if (left > 0) this.#online.set(account, left);
      else this.#online.delete(account);
    };
  }

  /** RFC 3339, whole seconds. */
  timestamp(): string {
    return new Date(Math.floor(this.post.clock.now() / SECOND) * SECOND).toISOString().replace('.000Z', 'Z');
  }
}

/** The domain of the accounts, lower case. */
export function domainOf({ domain }: Pick<ImmpSettings, 'domain'>, hostname: string): string {
  const chosen = (domain === '' ? hostname : domain).toLowerCase();
  return domainKind.read(chosen) === undefined ? 'localhost' : chosen;
}
