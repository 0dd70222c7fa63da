// A sender's and reader's whole desk over one folder on disk: directory, key ring, log of used reply blocks, queue,
// fragments. One at a time holds a folder; what leaves the queue does so without it, under a lock of its own.
// spec: mixminion-client-api 10

import { existsSync, readFileSync } from 'node:fs';
import { lockWithin } from '../../base/process-lock.ts';
import { type Random, systemRandom } from '../../base/random.ts';
import { type Clock, MINUTE, systemClock } from '../../base/time.ts';
import { ServerDescriptor } from '../directory/descriptor.ts';
import type { Path } from '../directory/path-choice.ts';
import { adviseVersion } from '../directory/recommended-versions.ts';
import { type ClientHome, openClientHome } from './client-home.ts';
import { type ClientSettings, clockOf, readClientSettings } from './client-settings.ts';
import { type ComposingDesk, choosePaths, composePackets, type Draft, type PathQuestion } from './compose.ts';
import { DirectoryStore } from './directory-store.ts';
import { Mix3BadArgsError, Mix3BusyError } from './errors.ts';
import { fragmentFolder } from './fragment-folder.ts';
import { FragmentPool } from './fragment-pool.ts';
import { Keyring } from './identities.ts';
import type { Packet } from './packet.ts';
import { PacketQueue } from './packet-queue.ts';
import { type Reading, type ReadingOptions, readArmored } from './reading.ts';
import { SurbLog } from './surb-log.ts';
import { fileSurbLog } from './surb-log-file.ts';
import { type MadeSurb, makeSurbs, type SurbWish } from './surb-making.ts';
import { asApi } from './translate.ts';

/** The version of the old program that we do as much as: what a directory's recommended clients are compared with. */
const PEER_VERSION = '0.0.8alpha3';
/** Characters of a file that a path names as a descriptor. */
const MAX_DESCRIPTOR = 65536;

export interface Mix3ClientOptions {
  /** The client's folder, made when it is missing. */
  readonly folder: string;
  /** Those of `mix.toml` in the folder when not given. */
  readonly settings?: ClientSettings;
  /** The time that its settings say, which is the system's, when not given. */
  readonly clock?: Clock;
  readonly random?: Random;
  /**
   * Asked when the empty passphrase does not open the key ring, or (`isNew`) for one to seal a new ring with. Without it
   * a new ring is not sealed, and a sealed one stays closed.
   */
  readonly askPassphrase?: (isNew: boolean) => Promise<string>;
  readonly onWarning?: (text: string) => void;
  /** How long another process that is at work on the folder is waited for, in milliseconds; a minute when not given. */
  readonly patience?: number;
  /** Called once when there is something to wait for. */
  readonly onWait?: () => void;
}

export class Mix3Client implements AsyncDisposable {
  readonly settings: ClientSettings;
  /** The servers that are known; `updateDirectory` asks for news. */
  readonly directory: DirectoryStore;
  readonly queue: PacketQueue;
  readonly surbLog: SurbLog;
  readonly fragments: FragmentPool;
  readonly #home: ClientHome;
  readonly #options: Mix3ClientOptions;
  readonly #lock: Disposable;
  readonly #desk: ComposingDesk;
  #keyring: Promise<Keyring> | undefined;

  private constructor(
    options: Mix3ClientOptions,
    found: { home: ClientHome; settings: ClientSettings; directory: DirectoryStore; lock: Disposable },
  ) {
    const { clock = clockOf(found.settings), random = systemRandom, onWarning = () => {} } = options;
    const warned = new Set<string>();
    const warn = (text: string) => {
      if (!warned.has(text)) onWarning(text);
      warned.add(text);
    };
    this.#options = { ...options, clock, random };
    this.#home = found.home;
    this.#lock = found.lock;
    this.settings = found.settings;
    this.directory = found.directory;
    this.queue = new PacketQueue(found.home.queue, { clock, random, onWarning: warn });
    this.surbLog = new SurbLog(fileSurbLog(found.home.surbLog), clock);
    this.fragments = new FragmentPool(fragmentFolder(found.home.fragments), { clock });
    const { settings, directory, surbLog } = this;
    const descriptorFile = (name: string) => readDescriptor(name, clock);
    this.#desk = { settings, directory, surbLog, clock, random, warn, descriptorFile };
  }

  /** Throws Mix3BusyError when another process does not leave the folder in time, and ConfigError for its settings. */
  static open(options: Mix3ClientOptions): Promise<Mix3Client> {
    return asApi(async () => {
      const { patience = MINUTE, onWait, onWarning } = options;
      const home = await openClientHome(options.folder);
      const lock = await lockWithin(home.lock, { clock: options.clock ?? systemClock, patience, onWait });
      if (lock === undefined)
        throw new Mix3BusyError(`another program is at work in ${home.folder}`, {
          remedy: 'try again when it is done',
        });
      try {
        const settings = options.settings ?? (await readClientSettings(home.config));
        const clock = options.clock ?? clockOf(settings);
        const directory = await DirectoryStore.open({
          folder: home.folder,
          server: settings.directory.servers,
          knownServers: settings.directory.servers,
          timeout: settings.directory.timeout,
          ...(settings.network.proxy === '' ? {} : { proxy: settings.network.proxy }),
          ...(onWarning === undefined ? {} : { onWarning }),
          clock,
        });
        const client = new Mix3Client(options, { home, settings, directory, lock });
        await client.queue.sweep();
        return client;
      } catch (error) {
        lock[Symbol.dispose]();
        throw error;
      }
    });
  }

  /**
   * Fetches the directory of the day when the one at hand is older, or whenever `force` is set; resolves to whether it
   * did. Errors as `DirectoryStore.update`, and Mix3BadArgsError when the settings name no directory server.
   */
  updateDirectory({ force = false }: { force?: boolean } = {}): Promise<boolean> {
    return asApi(async () => {
      if (this.settings.directory.servers.length === 0)
        throw new Mix3BadArgsError('no directory server is known', {
          remedy: `set servers under [directory] in ${this.#home.config}`,
        });
      return await this.directory.update({ force });
    });
  }

  /** What is amiss with the directory at hand, for a person to read.   spec: mixminion-directory 8 */
  get directoryFlaws(): string[] {
    const { directory } = this.directory;
    if (directory === undefined) return [];
    const { client } = directory.recommendedVersions;
    const advice = client.length === 0 ? 'recommended' : adviseVersion(PEER_VERSION, client);
    return [
      ...(directory.isCurrent() ? [] : [`the directory was valid until ${directory.lifespan.until.toISOString()}`]),
      ...(advice === 'maybe-obsolete'
        ? [`the directory recommends newer clients than ${PEER_VERSION}, which this one does as much as`]
        : []),
    ];
  }

  /** The key ring, opened or begun when it is first asked for. Errors as `Keyring.load`. */
  keyring(): Promise<Keyring> {
    const { askPassphrase = async () => '', clock, random } = this.#options;
    const options = { ...(clock === undefined ? {} : { clock }), ...(random === undefined ? {} : { random }) };
    const keyring = this.#keyring ?? Keyring.load(this.#home.keyring, askPassphrase, options);
    this.#keyring = keyring;
    keyring.catch(() => {
      this.#keyring = undefined; // the next one who asks may know better
    });
    return keyring;
  }

  /** The paths that so many packets of that kind would take. Errors as `generatePaths`. */
  choosePaths(count: number, question: PathQuestion): Path[] {
    return asApi(() => choosePaths(this.#desk, count, question));
  }

  /**
   * The packets of a message. Reply blocks in its `to` are durably marked as used before a packet exists. Throws
   * Mix3BadArgsError, Mix3NoPathError, Mix3NotFoundError, Mix3PathTooLongError, Mix3SurbUnusableError.
   */
  compose(draft: Draft): Promise<Packet[]> {
    return asApi(() => composePackets(this.#desk, draft));
  }

  /** Composes a message and queues its packets, all or none; resolves to their names in the queue. Errors as `compose`. */
  enqueue(draft: Draft): Promise<string[]> {
    return asApi(async () => await this.queue.add(await this.compose(draft)));
  }

  /** Makes reply blocks; the secret that will read the answers is on disk before. Errors as `compose`, `keyring`. */
  makeSurbs(wish: SurbWish): Promise<MadeSurb[]> {
    return asApi(async () => {
      const keyring = await this.keyring();
      const made = makeSurbs(this.#desk, keyring, wish);
      await keyring.save(this.#home.keyring);
      return made;
    });
  }

  /** Reads the armoured messages of a text. Errors as `readArmored`. */
  read(text: string | Uint8Array, options: ReadingOptions = {}): Promise<Reading[]> {
    return readArmored({ fragments: this.fragments, keyring: () => this.keyring() }, text, options);
  }

  /** Lets go of the folder. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#lock[Symbol.dispose]();
  }
}

/** The descriptor in a file that a path names; undefined when there is no such file. */
function readDescriptor(name: string, clock: Clock): ServerDescriptor | undefined {
  if (!existsSync(name)) return undefined;
  return ServerDescriptor.parse(readFileSync(name, 'latin1').slice(0, MAX_DESCRIPTOR), { clock }).descriptor;
}
