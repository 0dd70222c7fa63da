// What a client knows of the network from one run to the next: the directory of the day in a cache file, and descriptors
// that its user brought in by hand. Paths are chosen from both.   spec: mixminion-client-api 3; mixminion-directory 9

import { mkdir, readdir, readFile, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf, messageOf } from '../../base/errors.ts';
import { replaceFile } from '../../base/files.ts';
import { type Clock, DAY, HOUR, SECOND, startOfDay, systemClock } from '../../base/time.ts';
import { ServerDescriptor, sameNickname, type When } from '../directory/descriptor.ts';
import {
  Directory,
  type DirectoryOptions,
  type DirectoryServer,
  latestValid,
  passes,
  type ServerFilter,
} from '../directory/directory.ts';
import { type DownloadOptions, downloadDirectoryTo } from '../directory/download.ts';
import { Mix3BadArgsError } from './errors.ts';
import { asApi } from './translate.ts';

const CACHE = 'dir.gz';
const IMPORTED = 'imported';
const MAX_IMPORTED = 1000;
/** After a download that failed. */
const RETRY = HOUR;

export interface DirectoryStoreOptions extends DownloadOptions {
  /** Holds the cache file and the folder of imported descriptors; made when it is missing. */
  readonly folder: string;
  /** Where the directory comes from: the first of these that has a good one; none, for who lives on imports ... */
  readonly server: Pick<DirectoryServer, 'url'> | readonly Pick<DirectoryServer, 'url'>[];
  /** ... and whose signatures count; see `Directory.parse`. */
  readonly knownServers?: readonly DirectoryServer[];
  readonly validate?: boolean;
}

export class DirectoryStore {
  readonly #options: DirectoryStoreOptions;
  readonly #clock: Clock;
  #directory: Directory | undefined;
  /** When the cached directory was fetched; in the file system it is the time of the cache file. */
  #fetched = Number.NEGATIVE_INFINITY;
  readonly #imported = new Map<string, ServerDescriptor>();

  private constructor(options: DirectoryStoreOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /** Reads what is there; nothing is fetched. A cached directory that cannot be used is told of and left out. */
  static open(options: DirectoryStoreOptions): Promise<DirectoryStore> {
    return asApi(async () => {
      const store = new DirectoryStore(options);
      await mkdir(join(options.folder, IMPORTED), { recursive: true, mode: 0o700 });
      await store.#readCache();
      await store.#readImported();
      return store;
    });
  }

  /** The cached directory, if there is one. */
  get directory(): Directory | undefined {
    return this.#directory;
  }

  /** Whether the cached directory was fetched since the last midnight (UTC). */
  get isFresh(): boolean {
    return this.#fetched >= startOfDay(this.#clock.now());
  }

  /**
   * Fetches the directory when the cached one is of yesterday, or always when `force` is set; resolves to whether it did.
   * Throws Mix3NetworkError, Mix3TimeoutError, Mix3NoSpaceError, Mix3BadFormatError; the cached one then stays.
   */
  update({ force = false }: { force?: boolean } = {}): Promise<boolean> {
    return asApi(async () => {
      if (this.isFresh && !force) return false;
      const options = { ...this.#options, ...(this.#directory === undefined ? {} : { previous: this.#directory }) };
      const path = this.#path(CACHE);
      this.#directory = await this.#download(path, options);
      this.#fetched = this.#clock.now();
      await utimes(path, this.#fetched / SECOND, this.#fetched / SECOND);
      return true;
    });
  }

  /**
   * Updates now and after each midnight until the signal is aborted; an hour after each failure, which `onWarning` hears
   * of.
   */
  keepFresh(signal: AbortSignal): void {
    let cancel = () => {};
    const round = async () => {
      let wait = RETRY;
      try {
        await this.update();
        wait = startOfDay(this.#clock.now()) + DAY - this.#clock.now();
      } catch (error) {
        this.#options.onWarning?.(`the directory could not be updated: ${messageOf(error)}`);
      }
      if (!signal.aborted) cancel = this.#clock.timer(wait, () => void round());
    };
    signal.addEventListener('abort', () => cancel());
    void round();
  }

  /**
   * Adds a descriptor; resolves to it. Such a server counts as recommended. Throws Mix3BadFormatError,
   * Mix3BadSignatureError, and Mix3BadArgsError for one that is expired, superseded, or of another identity than the
   * server known by that nickname.   spec: mixminion-directory 9
   */
  import(text: string): Promise<ServerDescriptor> {
    return asApi(async () => {
      const { descriptor } = ServerDescriptor.parse(text, { clock: this.#clock });
      const known = this.#all();
      const same = known.filter((other) => sameNickname(other, descriptor));
      if (same.some(({ digest }) => digest.equals(descriptor.digest))) return descriptor;
      const { nickname, fingerprint } = descriptor;
      if (Number(descriptor.lifespan.until) < this.#clock.now())
        throw new Mix3BadArgsError(`the descriptor of ${nickname} is expired`);
      if (same.some((other) => other.fingerprint !== fingerprint))
        throw new Mix3BadArgsError(`another server is known as ${nickname}`);
      if (descriptor.isSupersededBy(known))
        throw new Mix3BadArgsError(`there is a later descriptor of ${nickname} already`);
      if (this.#imported.size >= MAX_IMPORTED)
        throw new Mix3BadArgsError(`no more than ${MAX_IMPORTED} descriptors are kept`);
      const name = this.#freeName(descriptor);
      await replaceFile(this.#path(IMPORTED, name), descriptor.text);
      this.#imported.set(name, descriptor);
      return descriptor;
    });
  }

  /** Removes imported descriptors that expired or are superseded; resolves to how many. */
  clean(): Promise<number> {
    return asApi(async () => {
      const known = this.#all();
      const over = [...this.#imported].filter(
        ([, descriptor]) => Number(descriptor.lifespan.until) < this.#clock.now() || descriptor.isSupersededBy(known),
      );
      for (const [name] of over) {
        await rm(this.#path(IMPORTED, name), { force: true });
        this.#imported.delete(name);
      }
      return over.length;
    });
  }

  /** Of directory and imported descriptors those that pass the filter. */
  getServers(filter: ServerFilter = {}): ServerDescriptor[] {
    return this.#all().filter(
      (descriptor) => passes(descriptor, filter) && (!filter.recommendedOnly || this.isRecommended(descriptor)),
    );
  }

  /** As `Directory.find`: of a server's descriptors that are valid all that time, the one published last. */
  find(nickname: string, from: When = this.#clock.now(), until: When = from): ServerDescriptor | undefined {
    return latestValid(this.getServers({ nickname }), from, until);
  }

  /** What was imported is recommended by whoever imported it.   spec: mixminion-directory 9 */
  isRecommended(descriptor: ServerDescriptor): boolean {
    if (this.#directory?.isRecommended(descriptor)) return true;
    return [...this.#imported.values()].some((imported) => imported.digest.equals(descriptor.digest));
  }

  #all(): ServerDescriptor[] {
    return [...(this.#directory?.descriptors ?? []), ...this.#imported.values()];
  }

  async #download(path: string, options: DownloadOptions & DirectoryOptions): Promise<Directory> {
    const servers = [this.#options.server].flat();
    for (const [place, server] of servers.entries()) {
      try {
        return await downloadDirectoryTo(path, server, options);
      } catch (error) {
        if (place === servers.length - 1) throw error;
        this.#warn(`${server.url} has no good directory: ${messageOf(error)}`);
      }
    }
    throw new Mix3BadArgsError('no directory server is known');
  }

  async #readCache(): Promise<void> {
    const path = this.#path(CACHE);
    try {
      this.#directory = await Directory.load(path, this.#options);
      this.#fetched = (await stat(path)).mtimeMs;
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') this.#warn(`the cached directory is not used: ${messageOf(error)}`);
    }
  }

  async #readImported(): Promise<void> {
    for (const name of (await readdir(this.#path(IMPORTED))).sort().slice(0, MAX_IMPORTED)) {
      if (name.endsWith('.new')) continue; // a draft that a crash left
      try {
        const text = await readFile(this.#path(IMPORTED, name), 'latin1');
        this.#imported.set(name, ServerDescriptor.parse(text, { clock: this.#clock }).descriptor);
      } catch (error) {
        this.#warn(`the imported descriptor ${name} is not used: ${messageOf(error)}`);
      }
    }
  }

  /** `NICKNAME-YYYYMMDDhhmmss`, by the time of publication, with a number behind it when that is taken. */
  #freeName({ nickname, published }: ServerDescriptor): string {
    const name = `${nickname}-${published.toISOString().replace(/\D/g, '').slice(0, 14)}`;
    let free = name;
    for (let count = 1; this.#imported.has(free); count += 1) free = `${name}-${count}`;
    return free;
  }

  #warn(text: string): void {
    this.#options.onWarning?.(text);
  }

  #path(...names: string[]): string {
    return join(this.#options.folder, ...names);
  }
}
