// Sends a server's own descriptors to the directory servers, as old remailers do: a form with one field, and an answer of
// two lines.   spec: mixminion-directory 6.2

import { codeOf } from '../../../base/errors.ts';
import type { Log } from '../../../base/log.ts';
import { DownloadError } from '../../directory/errors.ts';
import { type HttpOptions, httpRequest, httpTarget } from '../../directory/http-request.ts';

const MAX_ANSWER = 64 * 1024;
const MAX_MESSAGE = 200;

/** A descriptor that the directory servers do not have yet. */
export interface Unpublished {
  readonly text: string;
  /** Makes it durable that they have it now. */
  published(): Promise<void>;
}

interface PublishAnswer {
  /** Taken in, or waiting for the operator there. */
  readonly accepted: boolean;
  /** What the server says to it; a stranger's words. */
  readonly message: string;
}

/** Sends the text of one descriptor to one URL. Throws DownloadError, also when the answer is not of the known form. */
export async function publishDescriptor(url: string, text: string, options: HttpOptions = {}): Promise<PublishAnswer> {
  const form = new URLSearchParams({ desc: text }).toString();
  const { body } = await httpRequest(httpTarget(url), { ...options, maxBytes: MAX_ANSWER }, form);
  const [, status, message] = /^Status: ([01])[ \t\r]*\nMessage:[ \t]*([^\n]*)$/m.exec(body.toString('latin1')) ?? [];
  if (status === undefined || message === undefined)
    throw new DownloadError('download-failed', 'the answer of the directory server has no status');
  return { accepted: status === '1', message: message.replace(/[^\x20-\x7e]/g, '?').slice(0, MAX_MESSAGE) };
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
