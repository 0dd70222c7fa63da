// The own descriptors on their way to the directory servers: each is offered to each server until that has taken it.
// spec: mixminion-directory 6.2; mixminion-server 3

import { codeOf } from '../../../base/errors.ts';
import type { Log } from '../../../base/log.ts';
import type { PublishAnswer } from '../../directory/publish.ts';

/** A descriptor that the directory servers do not have yet. */
export interface Unpublished {
  readonly text: string;
  /** Makes it durable that they have it now. */
  published(): Promise<void>;
}

export class Publisher {
  readonly #post: (url: string, text: string) => Promise<PublishAnswer>;
  readonly #log: Log;
  /** `URL text` of those that one server took while another has not yet. */
  readonly #taken = new Set<string>();

  constructor(log: Log, post: (url: string, text: string) => Promise<PublishAnswer>) {
    this.#log = log;
    this.#post = post;
  }

  /** Offers each descriptor to each URL that has not taken it. True when nothing is left to be published. */
  async round(urls: readonly string[], descriptors: readonly Unpublished[]): Promise<boolean> {
    let complete = true;
    for (const descriptor of descriptors) {
      const taken: boolean[] = [];
      for (const url of urls) taken.push(await this.#offer(url, descriptor.text));
      if (taken.includes(false)) {
        complete = false;
        continue;
      }
      await descriptor.published();
      for (const url of urls) this.#taken.delete(`${url} ${descriptor.text}`);
    }
    return complete;
  }

  async #offer(url: string, text: string): Promise<boolean> {
    const key = `${url} ${text}`;
    if (this.#taken.has(key)) return true;
    try {
      const { accepted, message } = await this.#post(url, text);
      if (accepted) this.#taken.add(key);
      if (accepted) this.#log.info('mix.directory.published', { message });
      else this.#log.warn('mix.directory.refused', { message });
      return accepted;
    } catch (error) {
      this.#log.warn('mix.directory.not-published', { code: codeOf(error) });
      return false;
    }
  }
}
