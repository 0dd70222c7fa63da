// The reply blocks that a nym has left with its server: each is used once, whatever happens. Those that expire at the same time lie
// together in bundles, since a block alone fills half a page of the store and wastes the other half.   spec: mixminion-nym 5

import { toHex } from '../../base/bytes.ts';
import { DAY, HOUR, SECOND } from '../../base/time.ts';
import { parseSurbs, type Surb, surbDigest, writeSurb } from '../../mixminion/packet/surb.ts';
import type { Post } from '../../post/post.ts';

/** Of one nym. */
const MAX_STOCK = 1000;
/** A reply block needs this long to be of use. */
const LEAST_LIFE = 3 * HOUR;
/** Blocks of a bundle, which is written anew for each that is taken from it. */
const MAX_BUNDLE = 12;
const PREFIX = 'surbs/';
const MARK = 8;
const SPENT = 'nym/spent';

export interface Added {
  readonly added: number;
  /** Why others were not taken. */
  readonly refused: readonly ('expires' | 'known' | 'too-many')[];
}

/** What the name of a bundle says, `surbs/SECONDS/COUNT/MARK`: sorted by the time of expiry, and counted without being read. */
interface Bundle {
  readonly name: string;
  /** Seconds since 1970 UTC. */
  readonly useBy: number;
  readonly count: number;
}

export class SurbStock {
  readonly #post: Pick<Post, 'store' | 'clock' | 'random'>;

  constructor(post: Pick<Post, 'store' | 'clock' | 'random'>) {
    this.#post = post;
  }

  /** How many can be used now. */
  async count(owner: string): Promise<number> {
    return sum(await this.#bundles(owner));
  }

  async add(owner: string, surbs: readonly Surb[]): Promise<Added> {
    const { store, clock } = this.#post;
    const held = await this.#digests(owner);
    const refused: Added['refused'][number][] = [];
    const taken: Surb[] = [];
    for (const surb of surbs) {
      const digest = surbDigest(surb);
      const known = held.has(digest) || (await store.seen.has(SPENT, Buffer.from(digest, 'hex')));
      if (surb.useBy * SECOND < clock.now() + LEAST_LIFE) refused.push('expires');
      else if (known) refused.push('known');
      else if (held.size >= MAX_STOCK) refused.push('too-many');
      else {
        taken.push(surb);
        held.add(digest);
      }
    }
    for (const [useBy, together] of Map.groupBy(taken, (surb) => surb.useBy)) {
      for (let at = 0; at < together.length; at += MAX_BUNDLE) {
        await this.#put(owner, useBy, together.slice(at, at + MAX_BUNDLE));
      }
    }
    return { added: taken.length, refused };
  }

  /**
   * Takes `count` reply blocks, those that expire first; undefined when there are not as many, and none is taken then. They are
   * marked as spent before this resolves, so no crash brings one back.   spec: mixminion-nym 5
   */
  async spend(owner: string, count: number): Promise<Surb[] | undefined> {
    const bundles = await this.#bundles(owner);
    if (sum(bundles) < count) return undefined;
    const spent: Surb[] = [];
    for (const bundle of bundles) {
      if (spent.length === count) break;
      let rest = await this.#read(owner, bundle);
      while (rest.length > 0 && spent.length < count) {
        const taken = rest.slice(0, count - spent.length);
        rest = rest.slice(taken.length);
        const keys = taken.map((surb) => Buffer.from(surbDigest(surb), 'hex'));
        const fresh = await this.#post.store.seen.add(SPENT, keys, bundle.useBy * SECOND + DAY);
        spent.push(...taken.filter((_, place) => fresh[place])); // others were spent before a crash: they may have been used
      }
      if (rest.length > 0) await this.#put(owner, bundle.useBy, rest);
      await this.#post.store.documents.remove(owner, bundle.name);
    }
    return spent.length === count ? spent : undefined;
  }

  async forget(owner: string): Promise<void> {
    for (const { name } of await this.#all(owner)) await this.#post.store.documents.remove(owner, name);
  }

  async #put(owner: string, useBy: number, surbs: readonly Surb[]): Promise<void> {
    const { store, random } = this.#post;
    const name = `${PREFIX}${String(useBy).padStart(10, '0')}/${surbs.length}/${toHex(random.bytes(MARK))}`;
    await store.documents.put(owner, name, Buffer.concat(surbs.map(writeSurb)));
  }

  async #read(owner: string, { name }: Bundle): Promise<Surb[]> {
    const found = await this.#post.store.documents.get(owner, name);
    return found === undefined ? [] : parseSurbs(found.value);
  }

  async #digests(owner: string): Promise<Set<string>> {
    const digests = new Set<string>();
    for (const bundle of await this.#bundles(owner)) {
      for (const surb of await this.#read(owner, bundle)) digests.add(surbDigest(surb));
    }
    return digests;
  }

  /** Those that can still be used, the first to expire first; the others are cleared away. */
  async #bundles(owner: string): Promise<Bundle[]> {
    const least = this.#post.clock.now() + LEAST_LIFE;
    const usable: Bundle[] = [];
    for (const bundle of await this.#all(owner)) {
      if (bundle.useBy * SECOND >= least) usable.push(bundle);
      else await this.#post.store.documents.remove(owner, bundle.name);
    }
    return usable.sort((a, b) => a.useBy - b.useBy);
  }

  async #all(owner: string): Promise<Bundle[]> {
    const names = await this.#post.store.documents.list(owner);
    return names.filter((name) => name.startsWith(PREFIX)).map(bundleOf);
  }
}

function bundleOf(name: string): Bundle {
  const [useBy, count] = name.slice(PREFIX.length).split('/').map(Number);
  return { name, useBy: useBy ?? 0, count: count ?? 0 };
}

function sum(bundles: readonly Bundle[]): number {
  return bundles.reduce((total, { count }) => total + count, 0);
}
