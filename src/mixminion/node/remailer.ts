// A whole remailer on the network: the node with its keys, its directory, its pinger and its exits, and the ports on which it
// is reached.

import { appendFile, mkdir, readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { toHex } from '../../base/bytes.ts';
import { codeOf, PosternError } from '../../base/errors.ts';
import { replaceFile } from '../../base/files.ts';
import { MINUTE, sleep } from '../../base/time.ts';
import type { RsaPrivateKey } from '../../crypto/rsa.ts';
import { isLoopback } from '../../net/endpoint.ts';
import type { Port } from '../../net/ports.ts';
import { Ports } from '../../net/ports.ts';
import { type Controls, control } from '../../post/control.ts';
import type { House, Listening } from '../../post/counter.ts';
import type { ServerDescriptor } from '../directory/descriptor.ts';
import { generatePaths } from '../directory/path-choice.ts';
import { PathSpec } from '../directory/path-spec.ts';
import { configuredModules } from '../exit/configured.ts';
import type { ExitModule } from '../exit/module.ts';
import { type ExitEvent, type OpenExits, openExits } from '../exit/open.ts';
import type { PacketRoom } from '../mmtp/carrier.ts';
import { Courier } from '../mmtp/courier.ts';
import { mmtpPort } from '../mmtp/port.ts';
import { buildForwardPacket, buildReplyPacket } from '../packet/build.ts';
import type { PathNode } from '../packet/path.ts';
import { BandwidthLimit } from './bandwidth.ts';
import { nodeSettings, profileOf } from './configured.ts';
import { NodeDirectory } from './directory/node-directory.ts';
import { publishUrls } from './directory/settings.ts';
import { fileDisk } from './disk/file-disk.ts';
import { KeyStore } from './keys/key-store.ts';
import { MixNode, type NodeFigures } from './node.ts';
import { type OutgoingPing, Pinger } from './pinger/pinger.ts';
import { exitOffer, type ReplyWay } from './service.ts';
import type { MixSettings } from './settings.ts';
import { type PendingStatistics, Statistics, type StatisticsEvent } from './statistics.ts';
import type { Unwrapper } from './unwrap/unwrapper.ts';
import { workerUnwrapper } from './unwrap/workers.ts';

const OWNER_ONLY = 0o700;
const SAVE_STATISTICS = 5 * MINUTE; // spec: mixminion-server 7
const PENDING = 'stats.json';

const EXIT_EVENTS: Readonly<Partial<Record<ExitEvent['event'], StatisticsEvent>>> = {
  attempted: 'AttemptedDelivery',
  delivered: 'SuccessfulDelivery',
  failed: 'FailedDelivery',
  dropped: 'UnretriableDelivery',
};

/** What a test network puts in the place of something that a remailer on its own has. */
export interface Surroundings {
  readonly unwrapper?: Unwrapper;
  /** Makes an RSA key of so many bits. */
  readonly generate?: (bits: number) => Promise<RsaPrivateKey>;
  /** What peers meet in the place of the node. */
  readonly room?: (node: PacketRoom) => PacketRoom;
}

function urlsToPublish({ directory }: MixSettings): readonly string[] {
  return directory.publish ? publishUrls(directory) : [];
}

/** What its operator hears of it. */
export interface RemailerStatus {
  readonly nickname: string;
  /** SHA-1 of the identity key, upper-case hex. */
  readonly fingerprint: string;
  /** The figures of the period so far, as a block of text.   spec: mixminion-server 6 */
  readonly pending: string;
  /** Since it was opened. */
  readonly packets: NodeFigures;
}

export class Remailer {
  readonly #house: House;
  readonly #keys: KeyStore;
  readonly #exits: OpenExits;
  readonly #node: MixNode;
  readonly #room: PacketRoom;
  readonly #bandwidth: BandwidthLimit;
  readonly #courier: Courier;
  readonly #directory: NodeDirectory;
  readonly #pinger: Pinger | undefined;
  readonly #statistics: Statistics;
  readonly #ports = new Ports();
  readonly #stop = new AbortController();
  #running: Promise<unknown> = Promise.resolve();
  #settings: MixSettings;

  private constructor(house: House, settings: MixSettings, parts: Awaited<ReturnType<typeof openParts>>) {
    this.#house = house;
    this.#settings = settings;
    this.#keys = parts.keys;
    this.#exits = parts.exits;
    this.#node = parts.node;
    this.#room = parts.room;
    this.#bandwidth = parts.bandwidth;
    this.#courier = parts.courier;
    this.#directory = parts.directory;
    this.#pinger = parts.pinger;
    this.#statistics = parts.statistics;
  }

  /** Opens everything, making keys where there are none, and begins to work. */
  static async open(house: House, settings: MixSettings, surroundings: Surroundings = {}): Promise<Remailer> {
    const since = house.post.clock.now();
    const parts = await openParts(house, settings, surroundings);
    const remailer = new Remailer(house, settings, parts);
    try {
      await remailer.#listen();
    } catch (error) {
      await remailer.close(0);
      throw error;
    }
    const { signal } = remailer.#stop;
    remailer.#running = Promise.all([
      parts.directory.keep(signal),
      remailer.#turnKeys(signal, since),
      remailer.#keepStatistics(signal),
    ]);
    parts.node.start();
    parts.pinger?.start();
    return remailer;
  }

  get listening(): readonly Listening[] {
    return this.#ports.listening;
  }

  get connections(): number {
    return this.#ports.connections;
  }

  /** Of the identity key. */
  get fingerprint(): string {
    return this.#keys.identity.publicKey.fingerprint;
  }

  get figures(): NodeFigures {
    return this.#node.figures;
  }

  get controls(): Controls<MixSettings> {
    return {
      stats: control(
        z.strictObject({}),
        async (): Promise<RemailerStatus> => ({
          nickname: this.#settings.nickname,
          fingerprint: this.#keys.identity.publicKey.fingerprint,
          pending: this.#statistics.preview(this.#house.post.clock.now()),
          packets: this.#node.figures,
        }),
      ),
      republish: control(z.strictObject({}), async () => {
        if (urlsToPublish(this.#settings).length === 0) {
          throw new PosternError('unpublished', 'this remailer tells no directory server of itself', {
            remedy: 'set publish = true and servers (or publish_urls) under [mix.directory], and start the office anew',
          });
        }
        await this.#keys.republish();
        this.#directory.publishSoon();
        return { descriptors: this.#keys.unpublished.length };
      }),
    };
  }

  /** Takes new settings. Those about directories and pings hold from the next start on. */
  async use(house: House, settings: MixSettings): Promise<void> {
    const { post } = house;
    const modules = await allModules(house, settings);
    await this.#exits.use({ modules, ...fragmentLimits(settings) });
    this.#settings = settings;
    this.#node.use(nodeSettings(settings));
    this.#bandwidth.use(settings.max_bandwidth);
    this.#courier.use(courierSettings(settings));
    await this.#keys.useSettings(
      profileOf(settings, house.hostname, post.services.get(exitOffer)),
      lifetimesOf(settings),
    );
    await this.#listen();
    this.#directory.publishSoon();
  }

  /** As `MixService.replyWays`. */
  replyWays(count: number, spec: string): ReplyWay[] {
    const { clock, random } = this.#house.post;
    const directory = this.#directory.current();
    if (directory === undefined) throw new PosternError('no-directory', 'there is no list of remailers yet');
    const request = { directory, spec: PathSpec.parse(spec, { kind: 'reply' }), address: { type: 'reply' } } as const;
    return generatePaths(count, { ...request, random, clock }).map(({ path1 }) => async (surb, payload) => {
      const way = [selfNode(this.#house, this.#settings, this.#keys), ...path1.flatMap(pathNodeOf)];
      const packet = buildReplyPacket({ path1: way, surb, payload }, { build: random, oaep: random });
      if ((await this.#node.receive(packet)) === 'rejected') {
        throw new PosternError('mix-full', 'the remailer takes no more packets now');
      }
    });
  }

  async close(grace: number): Promise<void> {
    this.#stop.abort();
    this.#bandwidth.stop();
    await this.#ports.close(grace);
    await this.#pinger?.close();
    await this.#node.close(grace);
    await this.#running;
    await this.#saveStatistics();
  }

  /** Listens with the link certificates of the day. */
  async #listen(): Promise<void> {
    const { listen, listen_compat, compat } = this.#settings;
    const ports = await Promise.all(listen.map((at) => this.#port(at, undefined)));
    const old = compat === 'none' ? [] : await Promise.all(listen_compat.map((at) => this.#port(at, compat)));
    await this.#ports.use([...ports, ...old]);
  }

  async #port(at: Port['at'], compat: 'mixminion-0.0.8' | undefined): Promise<Port> {
    const { clock, metrics } = this.#house.post;
    const { connections, connections_per_address, timeout } = this.#settings;
    return mmtpPort({
      at,
      room: this.#room,
      pace: this.#bandwidth.pass,
      certificates: await this.#keys.linkCertificates(compat),
      limits: { connections, perAddress: isLoopback(at.host) ? undefined : connections_per_address },
      clock,
      timeout,
      compat,
      connected: () => this.#node.count('ReceivedConnection'),
      count: metrics.counter('postern_mix_conversations_total', 'How conversations with peers ended', ['reason']),
    });
  }

  /** Keys change on their days, link certificates each day. */
  async #turnKeys(signal: AbortSignal, opened: number): Promise<void> {
    const { clock, log } = this.#house.post;
    for (let since = opened; ; ) {
      await sleep(clock, (await this.#keys.next(since)) - clock.now(), signal);
      if (signal.aborted) return;
      const now = clock.now();
      try {
        const { made, rewritten } = await this.#keys.turn();
        await this.#node.useKeys(this.#keys.live.map(({ key }) => key));
        await this.#listen();
        if (made.length + rewritten.length > 0) this.#directory.publishSoon();
        since = now;
      } catch (error) {
        log.error('mix.keys-failed', { code: codeOf(error) });
        await sleep(clock, MINUTE, signal);
      }
    }
  }

  async #keepStatistics(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await sleep(this.#house.post.clock, SAVE_STATISTICS, signal);
      await this.#saveStatistics();
    }
  }

  async #saveStatistics(): Promise<void> {
    const { clock, log } = this.#house.post;
    try {
      const block = this.#statistics.rotate(clock.now());
      if (block !== undefined && this.#settings.log_stats)
        await appendFile(join(this.#house.folder, 'stats'), block, { mode: 0o600 });
      await replaceFile(join(this.#house.folder, PENDING), JSON.stringify(this.#statistics.pending(clock.now())));
    } catch (error) {
      log.error('mix.statistics-failed', { code: codeOf(error) });
    }
  }
}

async function openParts(
  house: House,
  settings: MixSettings,
  { unwrapper, generate, room = (node) => node }: Surroundings,
) {
  const { post, folder, hostname } = house;
  const { clock, random, log, metrics } = post;
  const spool = join(folder, 'work', 'packets');
  await mkdir(spool, { recursive: true, mode: OWNER_ONLY });
  const keys = await KeyStore.open({
    folder: join(folder, 'keys'),
    identityBits: settings.identity_key_bits,
    lifetimes: lifetimesOf(settings),
    profile: profileOf(settings, hostname, post.services.get(exitOffer)),
    clock,
    random,
    ...(generate && { generate }),
  });
  const directory = await NodeDirectory.open(post, {
    folder: join(folder, 'work', 'directory'),
    servers: settings.directory.servers,
    validate: settings.directory.check_signatures,
    timeout: settings.directory.timeout,
    publishUrls: urlsToPublish(settings),
    unpublished: () =>
      keys.unpublished.map((keyset) => ({
        text: keyset.descriptor.text,
        published: () => keys.markPublished(keyset),
      })),
  });
  const statistics = new Statistics(settings.stats_interval, clock.now(), await readPending(folder));
  let node: MixNode | undefined;
  const count = (event: StatisticsEvent) => node?.count(event);
  const exits = await openExits({
    post,
    modules: await allModules(house, settings),
    ...fragmentLimits(settings),
    observe({ event }) {
      const counted = EXIT_EVENTS[event];
      if (counted !== undefined) count(counted);
    },
  });
  const bandwidth = new BandwidthLimit(clock, settings.max_bandwidth);
  const courier = new Courier({
    clock,
    random,
    resolver: post.resolver,
    ...courierSettings(settings),
    pace: bandwidth.pass,
    count,
  });
  const self = () => selfNode(house, settings, keys);
  const others = () => peersOf(directory, keys.identity.publicKey.digest);
  const pinger = settings.pinging.enabled
    ? await Pinger.open({
        store: post.store,
        clock,
        random,
        log,
        settings: settings.pinging,
        servers: () => [...others().keys()],
        async send(ping) {
          // Through this node first, so that pings leave among other packets.
          await node?.receive(buildPing(ping, self(), others(), random));
        },
      })
    : undefined;
  node = await MixNode.open(
    {
      clock,
      random,
      log,
      metrics,
      disk: fileDisk(spool),
      unwrapper: unwrapper ?? workerUnwrapper(availableParallelism()),
      carrier: courier,
      exits,
      keyId: keys.identity.publicKey.digest,
      pingReturned: (digest) => void pinger?.returned(digest),
      mixed(nextHops) {
        const busy = new Set(nextHops.map(({ keyId }) => toHex(keyId)));
        const known = others();
        for (const id of pinger?.padding(busy, settings.mix_interval) ?? []) {
          const peer = known.get(id);
          if (peer !== undefined) courier.pad(peer.address).catch(() => {}); // nothing is lost with padding
        }
      },
    },
    nodeSettings(settings),
    { keys: keys.live.map(({ key }) => key), statistics },
  );
  return { keys, directory, exits, pinger, node, room: room(node), bandwidth, courier, statistics };
}

/** The other servers of today's directory that take packets, by KEYID in hex. */
function peersOf(directory: NodeDirectory, own: Buffer): Map<string, PathNode> {
  const usable = directory.current()?.getServers({ capabilities: { relay: true } }) ?? [];
  const peers = usable.filter(({ keyId }) => !keyId.equals(own)).flatMap(pathNodeOf);
  return new Map(peers.map((peer) => [toHex(peer.address.keyId), peer]));
}

function pathNodeOf({ hostname, port, keyId, packetKey }: ServerDescriptor): PathNode[] {
  if (hostname === undefined || port === undefined) return [];
  return [{ address: { form: 'host', host: hostname, port, keyId }, packetKey }];
}

function buildPing(
  { path, exit, payload }: OutgoingPing,
  self: PathNode,
  others: ReadonlyMap<string, PathNode>,
  random: House['post']['random'],
): Buffer {
  const hops = path.map((id) => others.get(id) ?? missingKey());
  return buildForwardPacket({ path1: [self, ...hops], path2: [self], exit, payload }, { build: random, oaep: random });
}

function missingKey(): never {
  throw new RangeError('there is no packet key for a hop');
}

function courierSettings({ timeout, outgoing_connections, compat }: MixSettings) {
  return { timeout, maxConnections: outgoing_connections, compat: compat === 'none' ? undefined : compat };
}

function lifetimesOf({ public_key_lifetime, public_key_overlap }: MixSettings) {
  return { lifetime: public_key_lifetime, overlap: public_key_overlap };
}

/** This remailer, for packets of its own: they begin and may end here. */
function selfNode({ hostname }: House, settings: MixSettings, keys: KeyStore): PathNode {
  const port = profileOf(settings, hostname).incoming?.port ?? 0;
  const address = { form: 'host', host: hostname, port, keyId: keys.identity.publicKey.digest } as const;
  return { address, packetKey: (keys.live[0] ?? missingKey()).key.publicKey };
}

/** Those of the settings, and the one that another counter brings. */
async function allModules({ post, hostname, folder }: House, settings: MixSettings): Promise<ExitModule[]> {
  const offer = post.services.get(exitOffer);
  const mboxes = new Map(offer ? [[offer.mbox.name, offer.mbox.address]] : []);
  const configured = await configuredModules({ post, settings, hostname, folder, mboxes });
  return offer === undefined ? configured : [...configured, offer.module];
}

function fragmentLimits({ fragmented }: MixSettings) {
  if (!fragmented.enabled) return {};
  return { fragments: { maximumSize: fragmented.maximum_size, maximumInterval: fragmented.maximum_interval } };
}

/** What an earlier run had counted; nothing when its file cannot be used. */
async function readPending(folder: string): Promise<PendingStatistics | undefined> {
  const counts = z.record(z.string(), z.int().nonnegative());
  const kept = z.object({ since: z.number(), present: z.number(), counts });
  try {
    return kept.parse(JSON.parse(await readFile(join(folder, PENDING), 'utf8')));
  } catch {
    return undefined;
  }
}
