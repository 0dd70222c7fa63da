// Puts the parts of a remailer together from its settings: keys, directory, exits, the way to other remailers, pinger, node.

import { mkdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { toHex } from '../../base/bytes.ts';
import type { RsaPrivateKey } from '../../crypto/rsa.ts';
import type { House } from '../../post/counter.ts';
import { configuredModules } from '../exit/configured.ts';
import type { ExitModule } from '../exit/module.ts';
import { type ExitEvent, type OpenExits, openExits } from '../exit/open.ts';
import type { PacketRoom } from '../mmtp/carrier.ts';
import { Courier } from '../mmtp/courier.ts';
import { BandwidthLimit } from './bandwidth.ts';
import { nodeSettings, profileOf } from './configured.ts';
import { NodeDirectory } from './directory/node-directory.ts';
import { publishUrls } from './directory/settings.ts';
import { fileDisk } from './disk/file-disk.ts';
import { keyFolderOf } from './keys/key-files.ts';
import { KeyStore } from './keys/key-store.ts';
import { MixNode } from './node.ts';
import { buildPing, type OwnPackets, peersOf } from './own-packets.ts';
import { Pinger } from './pinger/pinger.ts';
import { exitOffer } from './service.ts';
import type { MixSettings } from './settings.ts';
import type { Statistics, StatisticsEvent } from './statistics.ts';
import { openStatistics } from './statistics-files.ts';
import type { Unwrapper } from './unwrap/unwrapper.ts';
import { workerUnwrapper } from './unwrap/workers.ts';

const OWNER_ONLY = 0o700;

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

export interface RemailerParts {
  readonly keys: KeyStore;
  readonly directory: NodeDirectory;
  readonly exits: OpenExits;
  readonly pinger: Pinger | undefined;
  readonly node: MixNode;
  readonly room: PacketRoom;
  readonly bandwidth: BandwidthLimit;
  readonly courier: Courier;
  readonly statistics: Statistics;
  readonly own: OwnPackets;
}

/** Opens everything, making keys where there are none. Nothing is sent or listened for yet. */
export async function openParts(
  house: House,
  settings: MixSettings,
  { unwrapper, generate, room = (node) => node }: Surroundings,
): Promise<RemailerParts> {
  const { post, folder } = house;
  const { clock, random, log, metrics } = post;
  const spool = join(folder, 'work', 'packets');
  await mkdir(spool, { recursive: true, mode: OWNER_ONLY });
  const keys = await KeyStore.open({
    folder: keyFolderOf(folder),
    identityBits: settings.identity_key_bits,
    ...keySettings(house, settings),
    clock,
    random,
    ...(generate && { generate }),
  });
  const directory = await openDirectory(house, settings, keys);
  const own = { keys, directory, clock, random };
  const statistics = await openStatistics(folder, settings.stats_interval, clock.now());
  let node: MixNode | undefined;
  const count = (event: StatisticsEvent) => node?.count(event);
  const exits = await openExits({
    post,
    ...(await exitSettings(house, settings)),
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
  const pinger = settings.pinging.enabled
    ? await Pinger.open({
        store: post.store,
        clock,
        random,
        log,
        settings: settings.pinging,
        servers: () => [...peersOf(own).keys()],
        async send(ping) {
          await node?.receive(buildPing(ping, own));
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
      mixed(nextHops, interval) {
        const busy = new Set(nextHops.map(({ keyId }) => toHex(keyId)));
        const known = peersOf(own);
        for (const id of pinger?.padding(busy, interval) ?? []) {
          const peer = known.get(id);
          if (peer !== undefined) courier.pad(peer.address).catch(() => {}); // nothing is lost with padding
        }
      },
    },
    nodeSettings(settings),
    { keys: keys.live.map(({ key }) => key), statistics },
  );
  return { keys, directory, exits, pinger, node, room: room(node), bandwidth, courier, statistics, own };
}

/** What the configuration says about connections to others, in the courier's words. */
export function courierSettings({ timeout, outgoing_connections, compat }: MixSettings) {
  return { timeout, maxConnections: outgoing_connections, compat: compat === 'none' ? undefined : compat };
}

/** And about keys, and what their descriptors say. */
export function keySettings({ post, hostname }: House, settings: MixSettings) {
  return {
    profile: profileOf(settings, hostname, post.services.get(exitOffer)),
    lifetimes: { lifetime: settings.public_key_lifetime, overlap: settings.public_key_overlap },
  };
}

/** And about deliveries, those to the exit that another counter brings too. */
export async function exitSettings({ post, hostname, folder }: House, settings: MixSettings) {
  const offer = post.services.get(exitOffer);
  const mboxes = new Map(offer ? [[offer.mbox.name, offer.mbox.address]] : []);
  const configured = await configuredModules({ post, settings, hostname, folder, mboxes });
  const modules: ExitModule[] = offer === undefined ? configured : [...configured, offer.module];
  const { enabled, maximum_size: maximumSize, maximum_interval: maximumInterval } = settings.fragmented;
  return { modules, ...(enabled && { fragments: { maximumSize, maximumInterval } }) };
}

function openDirectory({ post, folder }: House, settings: MixSettings, keys: KeyStore): Promise<NodeDirectory> {
  return NodeDirectory.open(post, {
    folder: join(folder, 'work', 'directory'),
    servers: settings.directory.servers,
    validate: settings.directory.check_signatures,
    timeout: settings.directory.timeout,
    publishUrls: publishUrls(settings.directory),
    unpublished: () =>
      keys.unpublished.map((keyset) => ({
        text: keyset.descriptor.text,
        published: () => keys.markPublished(keyset),
      })),
  });
}
