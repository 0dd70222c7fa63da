// Addresses, and whole domains, that get no mail from here: somebody asked to be left alone.

import type { Post } from '../../post/post.ts';

const OWNER = 'smtp/(suppressed)';

export interface Suppressed {
  /** `name@domain`, or `@domain` for all of it. */
  readonly address: string;
  readonly since: number;
}

export class Suppression {
  readonly #documents: Post['store']['documents'];

  constructor({ store }: Pick<Post, 'store'>) {
    this.#documents = store.documents;
  }

  async has(address: string): Promise<boolean> {
    const name = address.toLowerCase();
    const found = await Promise.all(
      [name, name.slice(name.lastIndexOf('@'))].map((entry) => this.#documents.get(OWNER, entry)),
    );
    return found.some((entry) => entry !== undefined);
  }

  /** False when it stood there already. */
  async add(address: string, now: number): Promise<boolean> {
    const value = Buffer.from(JSON.stringify({ since: now }));
    return (await this.#documents.put(OWNER, address.toLowerCase(), value, 0)) !== undefined;
  }

  remove(address: string): Promise<boolean> {
    return this.#documents.remove(OWNER, address.toLowerCase());
  }

  async list(): Promise<Suppressed[]> {
    const listed: Suppressed[] = [];
    for (const address of await this.#documents.list(OWNER)) {
      const found = await this.#documents.get(OWNER, address);
      if (found === undefined) continue;
      listed.push({ address, since: (JSON.parse(found.value.toString()) as { since: number }).since });
    }
    return listed;
  }
}
