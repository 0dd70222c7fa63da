// The reply blocks that a nym has left with its server: each is used once, whatever happens.   spec: mixminion-nym 5

import { DAY, HOUR, SECOND } from '../../base/time.ts';
import { parseSurb, type Surb, surbDigest, writeSurb } from '../../mixminion/packet/surb.ts';
import type { Post } from '../../post/post.ts';

/** Of one nym. */
const MAX_STOCK = 1000;
/** A reply block needs this long to be of use. */
const LEAST_LIFE = 3 * HOUR;
const PREFIX = 'surb/';
const SPENT = 'nym/spent';

export interface Added {
  readonly added: number;
  /** Why others were not taken. */
  readonly refused: readonly ('expires' | 'known' | 'too-many')[];
}

export class SurbStock {
  readonly #post: Pick<Post, 'store' | 'clock'>;

  constructor(post: Pick<Post, 'store' | 'clock'>) {
    this.#post = post;
  }

  /** How many can be used now. */
  async count(owner: string): Promise<number> {
    return (await this.#names(owner)).length;
  }

  async add(owner: string, surbs: readonly Surb[]): Promise<Added> {
    const { store, clock } = this.#post;
    const held = new Set(await this.#names(owner));
    const refused: Added['refused'][number][] = [];
    let added = 0;
    for (const surb of surbs) {
      const name = nameOf(surb);
      const known = held.has(name) || (await store.seen.has(SPENT, keyOf(name)));
      if (surb.useBy * SECOND < clock.now() + LEAST_LIFE) refused.push('expires');
      else if (known) refused.push('known');
      else if (held.size >= MAX_STOCK) refused.push('too-many');
      else {
        await store.documents.put(owner, name, writeSurb(surb));
        held.add(name);
        added += 1;
      }
    }
    return { added, refused };
  }

  /**
   * Takes `count` reply blocks, those that expire first; undefined, and none taken, when there are not as many. They are
   * marked as spent before this resolves, so no crash brings one back.   spec: mixminion-nym 5
   */
  async spend(owner: string, count: number): Promise<Surb[] | undefined> {
    const { store } = this.#post;
    const surbs: Surb[] = [];
    for (const name of await this.#names(owner)) {
      if (surbs.length === count) break;
      const block = await store.documents.get(owner, name);
      if (block === undefined) continue;
      const { surb } = parseSurb(block.value);
      const [fresh] = await store.seen.add(SPENT, [keyOf(name)], surb.useBy * SECOND + DAY);
      await store.documents.remove(owner, name);
      if (fresh) surbs.push(surb); // else a crash came between the mark and the removal: it may have been used
    }
    return surbs.length === count ? surbs : undefined;
  }

  async forget(owner: string): Promise<void> {
    for (const name of await this.#all(owner)) await this.#post.store.documents.remove(owner, name);
  }

  /** Those that can still be used, the first to expire first; the others are cleared away. */
  async #names(owner: string): Promise<string[]> {
    const least = this.#post.clock.now() + LEAST_LIFE;
    const [usable, old]: [string[], string[]] = [[], []];
    for (const name of await this.#all(owner)) (useByOf(name) >= least ? usable : old).push(name);
    for (const name of old) await this.#post.store.documents.remove(owner, name);
    return usable.sort();
  }

  async #all(owner: string): Promise<string[]> {
    return (await this.#post.store.documents.list(owner)).filter((name) => name.startsWith(PREFIX));
  }
}

/** `surb/SECONDS/DIGEST`: sorted by the time of expiry. */
function nameOf(surb: Surb): string {
  return `${PREFIX}${String(surb.useBy).padStart(10, '0')}/${surbDigest(surb)}`;
}

function useByOf(name: string): number {
  return Number(name.slice(PREFIX.length, PREFIX.length + 10)) * SECOND;
}

function keyOf(name: string): Buffer {
  return Buffer.from(name.slice(PREFIX.length + 11), 'hex');
}
