// What a remailer knows of its network: the directory of the day, fetched at start and each night, checked, kept in a file;
// and the remailer's own descriptors, sent to the directory servers.   spec: mixminion-server 7; mixminion-directory 6

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf, messageOf } from '../../../base/errors.ts';
import { replaceFile } from '../../../base/files.ts';
import { randomInt, shuffle } from '../../../base/random.ts';
import { DAY, HOUR, SECOND, sleep, startOfDay } from '../../../base/time.ts';
import type { Post } from '../../../post/post.ts';
import { Directory, type DirectoryServer } from '../../directory/directory.ts';
import { type DownloadOptions, downloadDirectory } from '../../directory/download.ts';
import type { HttpOptions } from '../../directory/http-request.ts';
import { publishDescriptor } from '../../directory/publish.ts';
import { adviseVersion } from '../../directory/recommended-versions.ts';
import { Publisher, type Unpublished } from './publisher.ts';

const CACHE = 'directory.gz';
const OWNER_ONLY = 0o700;
/** After a failure.   spec: mixminion-server 7 */
const RETRY = HOUR;
/** The version of the old program that we are a peer of: what a directory's recommended servers are compared with. */
const PEER_VERSION = '0.0.8alpha3';

/** What the rest of a remailer sees of the directory. */
export interface DirectoryView {
  /** The last good directory, maybe of an earlier day: ask its `isCurrent()`. Undefined until there is one. */
  current(): Directory | undefined;
  /** Calls `told` after each change; what is returned ends it. */
  onChange(told: (directory: Directory) => void): () => void;
}

export interface NodeDirectoryOptions {
  /** For the cache file; made when it is missing. */
  readonly folder: string;
  /** Asked in random order until one gives a good directory; more than half of them have to have signed it. */
  readonly servers: readonly DirectoryServer[];
  /** `false` asks for no signatures. */
  readonly validate?: boolean;
  /** Where descriptors go; none are sent when it is empty. */
  readonly publishUrls?: readonly string[];
  /** The own descriptors that are still to be published. */
  unpublished?(): Promise<readonly Unpublished[]> | readonly Unpublished[];
  /** How long one request may take, in milliseconds; a minute when not given. */
  readonly timeout?: number;
  /** URL of an HTTP proxy. */
  readonly proxy?: string;
  /** The network, for simulations. */
  readonly network?: DirectoryNetwork;
}

/** The two requests that a remailer makes. */
export interface DirectoryNetwork {
  download: typeof downloadDirectory;
  publish: typeof publishDescriptor;
}

const HTTP: DirectoryNetwork = { download: downloadDirectory, publish: publishDescriptor };

export class NodeDirectory implements DirectoryView {
  readonly #post: Pick<Post, 'clock' | 'random' | 'log'>;
  readonly #options: NodeDirectoryOptions;
  readonly #listeners = new Set<(directory: Directory) => void>();
  readonly #publisher: Publisher;
  #current: Directory | undefined;
  #nudge = new AbortController();
  #signal: AbortSignal | undefined;

  private constructor(post: Pick<Post, 'clock' | 'random' | 'log'>, options: NodeDirectoryOptions) {
    this.#post = post;
    this.#options = options;
    const { publish } = options.network ?? HTTP;
    this.#publisher = new Publisher(post.log, (url, text) => publish(url, text, this.#http()));
  }

  /** Reads the cached directory. Nothing is fetched before `keep`. */
  static async open(
    post: Pick<Post, 'clock' | 'random' | 'log'>,
    options: NodeDirectoryOptions,
  ): Promise<NodeDirectory> {
    await mkdir(options.folder, { recursive: true, mode: OWNER_ONLY });
    const directory = new NodeDirectory(post, options);
    await directory.#readCache();
    return directory;
  }

  current(): Directory | undefined {
    return this.#current;
  }

  onChange(told: (directory: Directory) => void): () => void {
    this.#listeners.add(told);
    return () => this.#listeners.delete(told);
  }

  /** Fetches and publishes, now and whenever it is time, until the signal is aborted. */
  async keep(signal: AbortSignal): Promise<void> {
    this.#signal = signal;
    await Promise.all([this.#keepFresh(signal), this.#keepPublished(signal)]);
  }

  /** There are new descriptors to publish. */
  publishSoon(): void {
    this.#nudge.abort();
  }

  /** Asks the servers once. False when none had a good directory of today; what they had may have been taken all the same. */
  async update(): Promise<boolean> {
    const { log, random } = this.#post;
    for (const server of shuffle(random, [...this.#options.servers])) {
      try {
        await this.#fetch(server);
        if (this.#current?.isCurrent()) return true;
      } catch (error) {
        log.warn('mix.directory.failed', { code: codeOf(error), reason: messageOf(error) });
      }
    }
    if (this.#current?.isCurrent() === false) log.warn('mix.directory.outdated');
    return false;
  }

  /** Offers what is unpublished once. True when nothing is left. */
  async publish(): Promise<boolean> {
    const { publishUrls = [], unpublished = () => [] } = this.#options;
    if (publishUrls.length === 0) return true;
    return this.#publisher.round(publishUrls, await unpublished());
  }

  async #keepFresh(signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#post;
    while (!signal.aborted && this.#options.servers.length > 0) {
      const fresh = await this.update();
      const now = clock.now();
      // Everybody at midnight would be a flood.   spec: mixminion-server 7
      const tonight = startOfDay(now) + DAY + randomInt(random, HOUR / SECOND) * SECOND;
      await sleep(clock, fresh ? tonight - now : RETRY, signal);
    }
  }

  async #keepPublished(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#post;
    while (!signal.aborted) {
      this.#nudge = new AbortController();
      const either = AbortSignal.any([signal, this.#nudge.signal]);
      let complete = false;
      try {
        complete = await this.publish();
      } catch (error) {
        log.error('mix.directory.not-published', { code: codeOf(error) });
      }
      await sleep(clock, complete ? DAY : RETRY, either);
    }
  }

  async #fetch(server: DirectoryServer): Promise<void> {
    const { download } = this.#options.network ?? HTTP;
    const onWarning = (text: string) => this.#post.log.warn('mix.directory.skew', { text });
    const data = await download(server, { ...this.#http(), onWarning });
    const directory = Directory.parse(data, this.#checks());
    // A server that was switched off for a while may still give an old one, and so may somebody who wants us to use it.
    if (Number(directory.lifespan.from) < Number(this.#current?.lifespan.from ?? 0)) return;
    if (this.#current?.digest.equals(directory.digest)) return;
    await replaceFile(this.#cache, data);
    this.#take(directory);
  }

  async #readCache(): Promise<void> {
    try {
      this.#take(await Directory.load(this.#cache, this.#checks()));
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') this.#post.log.warn('mix.directory.cache-unusable', { code: codeOf(error) });
    }
  }

  #take(directory: Directory): void {
    const { log } = this.#post;
    this.#current = directory;
    const { server } = directory.recommendedVersions;
    const version = server.length === 0 ? 'recommended' : adviseVersion(PEER_VERSION, server);
    if (version !== 'recommended') log.warn('mix.directory.version', { own: PEER_VERSION, advice: version });
    log.info('mix.directory.new', {
      version: directory.version,
      day: directory.lifespan.from.toISOString().slice(0, 10),
      descriptors: directory.descriptorCount,
      warnings: directory.warnings.length,
    });
    for (const told of this.#listeners) told(directory);
  }

  #checks() {
    const { servers, validate = true } = this.#options;
    const previous = this.#current === undefined ? {} : { previous: this.#current };
    return { knownServers: servers, validate, clock: this.#post.clock, ...previous };
  }

  #http(): HttpOptions & DownloadOptions {
    const { timeout, proxy } = this.#options;
    return { clock: this.#post.clock, signal: this.#signal, ...(timeout && { timeout }), ...(proxy && { proxy }) };
  }

  get #cache(): string {
    return join(this.#options.folder, CACHE);
  }
}
