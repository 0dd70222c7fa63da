// The keys of one node: who it is, what packets are sealed for, and what its links show; with their descriptors, and with
// the days on which they change.   spec: mixminion-server 3

import type { Random } from '../../../base/random.ts';
import { type Clock, SECOND } from '../../../base/time.ts';
import { RsaPrivateKey } from '../../../crypto/rsa.ts';
import { ServerDescriptor } from '../../directory/descriptor.ts';
import type { DescriptorFields } from '../../directory/descriptor-fields.ts';
import { type LinkCertificates, makeLinkCertificates } from '../../mmtp/certificates.ts';
import * as files from './key-files.ts';
import { isDead, isLive, type KeyLifetimes, nextChange, type Term, termsToMake } from './key-schedule.ts';

const PACKET_KEY_BITS = 2048;
const PACKET_VERSIONS: readonly string[] = ['0.3'];
const END_OF_TIME: Clock = { now: () => Number.POSITIVE_INFINITY, timer: () => () => {} };

/** What a node says about itself in each of its descriptors; the rest comes with the key. */
export type NodeProfile = Omit<
  DescriptorFields,
  'published' | 'validAfter' | 'validUntil' | 'packetKey' | 'packetVersions'
>;

/** A packet key with its days and its descriptor. */
export interface Keyset extends Term {
  readonly key: RsaPrivateKey;
  readonly descriptor: ServerDescriptor;
  /** Whether the descriptor, as it is, was accepted by a directory. */
  readonly published: boolean;
}

export interface KeyStoreOptions {
  /** Made when it is not there, mode 0700; nobody else writes into it. */
  readonly folder: string;
  /** From 2048 to 4096; for an identity key that has yet to be made. */
  readonly identityBits: number;
  readonly lifetimes: KeyLifetimes;
  readonly profile: NodeProfile;
  readonly clock: Clock;
  /** Seeds the signatures of the descriptors. */
  readonly random: Random;
  /** Makes an RSA key of so many bits; tests have some in store. */
  readonly generate?: (bits: number) => Promise<RsaPrivateKey>;
}

/**
 * The numbers of the keysets that a turn made, wrote new descriptors for, and deleted. A number comes back for another key:
 * what is kept about a key is named by the key's digest.
 */
export interface Turned {
  readonly made: readonly number[];
  readonly rewritten: readonly number[];
  readonly deleted: readonly number[];
}

export class KeyStore {
  readonly identity: RsaPrivateKey;
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #generate: (bits: number) => Promise<RsaPrivateKey>;
  #lifetimes: KeyLifetimes;
  #profile: NodeProfile;
  /** The earliest first. */
  #keysets: readonly Keyset[] = [];
  readonly #links = new Map<string, Promise<LinkCertificates>>();
  /** One change after another. */
  #changing: Promise<unknown> = Promise.resolve();

  private constructor(options: KeyStoreOptions, identity: RsaPrivateKey) {
    this.identity = identity;
    this.#folder = options.folder;
    this.#clock = options.clock;
    this.#random = options.random;
    this.#generate = options.generate ?? RsaPrivateKey.generate;
    this.#lifetimes = options.lifetimes;
    this.#profile = options.profile;
  }

  /** Loads the keys and makes what is missing, which takes about a second for a new node. Throws NodeKeyError `key-file`. */
  static async open(options: KeyStoreOptions): Promise<KeyStore> {
    const { folder, identityBits, generate = RsaPrivateKey.generate } = options;
    const store = new KeyStore(options, await files.loadIdentity(folder, () => generate(identityBits)));
    store.#keysets = inOrder((await files.loadKeysets(folder)).map((stored) => keysetOf(folder, stored)));
    await store.turn();
    return store;
  }

  /** What descriptors say now. */
  get profile(): NodeProfile {
    return this.#profile;
  }

  /** All that are not deleted, those to come too; the earliest first. */
  get keysets(): readonly Keyset[] {
    return this.#keysets;
  }

  /** Those under which packets are taken now: the newest first, as most packets are for it. */
  get live(): readonly Keyset[] {
    const now = this.#clock.now();
    return this.#keysets.filter((keyset) => isLive(keyset, now, this.#lifetimes)).reverse();
  }

  /** Those whose descriptors no directory has accepted yet. */
  get unpublished(): readonly Keyset[] {
    return this.#keysets.filter(({ published }) => !published);
  }

  /**
   * When there is something to do for whoever looked last at `since`: to `turn`, to take the live keys anew, or to renew a link
   * certificate that was asked for. Not before now: what came while nobody looked is due now.
   */
  async next(since = this.#clock.now()): Promise<number> {
    const now = this.#clock.now();
    const moments = [nextChange(this.#keysets, since, this.#lifetimes)];
    for (const [kind, link] of this.#links) {
      const { renewAt } = await link;
      moments.push(renewAt);
      // Who still shows it asks for a new one; of one that nobody shows any more this is said once.
      if (renewAt <= now && this.#links.get(kind) === link) this.#links.delete(kind);
    }
    return Math.max(now, Math.min(...moments));
  }

  /**
   * Deletes keys that are dead, makes those to come, and writes the descriptors that no longer say what is so. To be called at
   * `next`, and safe at any time.
   */
  turn(): Promise<Turned> {
    return this.#change(async () => {
      const now = this.#clock.now();
      const dead = this.#keysets.filter((keyset) => isDead(keyset, now, this.#lifetimes));
      for (const keyset of dead) await this.#delete(keyset);
      const rewritten: number[] = [];
      for (const keyset of this.#keysets) if (await this.#rewrite(keyset)) rewritten.push(keyset.number);
      const terms = termsToMake(this.#keysets, now, this.#lifetimes);
      for (const term of terms) await this.#make(term);
      return { made: terms.map(numberOf), rewritten, deleted: dead.map(numberOf) };
    });
  }

  /** Takes what a new configuration says. Keys that are there keep their days. */
  useSettings(profile: NodeProfile, lifetimes: KeyLifetimes): Promise<Turned> {
    if (profile.nickname !== this.#profile.nickname) this.#links.clear();
    this.#profile = profile;
    this.#lifetimes = lifetimes;
    return this.turn();
  }

  /** Notes that a directory accepted this descriptor; nothing when it was written anew in the meantime. */
  markPublished({ descriptor }: Keyset): Promise<void> {
    return this.#change(async () => {
      const keyset = this.#keysets.find((candidate) => candidate.descriptor === descriptor);
      if (keyset !== undefined) await this.#setPublished(keyset, true);
    });
  }

  /** Lets all descriptors be published once more. */
  republish(): Promise<void> {
    return this.#change(async () => {
      for (const keyset of this.#keysets) await this.#setPublished(keyset, false);
    });
  }

  /**
   * What links show now: the same for 24 hours, then of a new key. Lives in memory only. Links that are open keep what
   * they began with.   spec: mixminion-mmtp 1.3, 8
   */
  async linkCertificates(compat?: 'mixminion-0.0.8'): Promise<LinkCertificates> {
    const kind = compat ?? '';
    const known = this.#links.get(kind);
    const now = this.#clock.now();
    if (known !== undefined && now < (await known).renewAt) return known;
    if (this.#links.get(kind) !== known) return this.linkCertificates(compat); // somebody else was faster
    const { nickname } = this.#profile;
    const made = makeLinkCertificates({ nickname, identity: this.identity, now, ...(compat && { compat }) });
    this.#links.set(kind, made);
    made.catch(() => this.#links.delete(kind));
    return made;
  }

  #change<T>(change: () => Promise<T>): Promise<T> {
    const changed = this.#changing.then(change);
    this.#changing = changed.catch(() => {});
    return changed;
  }

  async #make(term: Term): Promise<void> {
    const key = await this.#generate(PACKET_KEY_BITS);
    const descriptor = this.#describe(term, key, this.#clock.now());
    await files.saveKeyset(this.#folder, { number: term.number, key, descriptor: descriptor.text });
    this.#keysets = inOrder([...this.#keysets, { ...term, key, descriptor, published: false }]);
  }

  async #delete(keyset: Keyset): Promise<void> {
    await files.deleteKeyset(this.#folder, keyset.number);
    this.#keysets = this.#keysets.filter((other) => other !== keyset);
  }

  /** Whether the descriptor had to be written anew: another word in the configuration, or a time that has yet to come. */
  async #rewrite(keyset: Keyset): Promise<boolean> {
    const now = this.#clock.now();
    const { published } = keyset.descriptor.fields;
    if (published <= now && this.#describe(keyset, keyset.key, published).digest.equals(keyset.descriptor.digest))
      return false;
    const descriptor = this.#describe(keyset, keyset.key, now);
    await files.saveDescriptor(this.#folder, keyset.number, descriptor.text);
    this.#replace(keyset, { ...keyset, descriptor, published: false });
    return true;
  }

  async #setPublished(keyset: Keyset, published: boolean): Promise<void> {
    if (keyset.published === published) return;
    await files.setPublished(this.#folder, keyset.number, published);
    this.#replace(keyset, { ...keyset, published });
  }

  #replace(keyset: Keyset, changed: Keyset): void {
    this.#keysets = this.#keysets.map((other) => (other === keyset ? changed : other));
  }

  #describe({ validAfter, validUntil }: Term, key: RsaPrivateKey, at: number): ServerDescriptor {
    const published = at - (at % SECOND);
    const fields = { ...this.#profile, published, validAfter, validUntil, packetKey: key.publicKey };
    return ServerDescriptor.build({ ...fields, packetVersions: PACKET_VERSIONS }, this.identity, {
      random: this.#random,
      clock: this.#clock,
    });
  }
}

/** Reads the descriptor without asking what time it is: one that comes from a clock ahead of ours is written anew later. */
function keysetOf(folder: string, { number, key, descriptor: text, published }: files.KeysetFiles): Keyset {
  try {
    const { descriptor } = ServerDescriptor.parse(text, { validate: false, clock: END_OF_TIME });
    const { validAfter, validUntil, packetKey } = descriptor.fields;
    if (!packetKey.digest.equals(key.publicKey.digest)) throw new Error('the descriptor is about another key');
    return { number, validAfter, validUntil, key, descriptor, published };
  } catch (cause) {
    throw files.damaged(folder, number, cause);
  }
}

function inOrder(keysets: readonly Keyset[]): Keyset[] {
  return [...keysets].sort((a, b) => a.validAfter - b.validAfter);
}

function numberOf({ number }: Term): number {
  return number;
}
