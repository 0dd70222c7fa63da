// The delivery of many packets, over as many connections as they need: one for each first hop, servers and packets in
// random order, so that neither tells which packets belong together.   spec: mixminion-e2e 1; mixminion-mmtp 5

import { toHex } from '../../base/bytes.ts';
import { type Random, shuffle, systemRandom } from '../../base/random.ts';
import type { MmtpOptions } from '../mmtp/client.ts';
import type { Hop } from '../mmtp/link.ts';
import { MmtpConnection } from './connection.ts';
import { Mix3ClosedError, type Mix3Error, Mix3RejectedError } from './errors.ts';
import type { Packet } from './packet.ts';
import { asApi, asMix3Error } from './translate.ts';

/** Servers that are talked to at a time. */
const SERVERS_AT_A_TIME = 4;
/** Packets on their way to one server; it takes no more without an answer. */
const PACKETS_AT_A_TIME = 6;

/** A packet on its way out, perhaps still on disk. */
export interface Parcel {
  readonly firstHop: Hop;
  /** Undefined when it is not there any more. */
  load(): Promise<Packet | undefined>;
}

export interface DeliveryOptions extends MmtpOptions {
  /** The order of servers and packets; fills padding as well. */
  readonly random?: Random;
}

/**
 * Delivers parcels. `settle` is called, and awaited, for each of them as soon as it is decided, with `undefined` for one
 * that was received; a server that cannot be reached holds up none but its own.
 */
export async function deliverParcels<P extends Parcel>(
  parcels: readonly P[],
  options: DeliveryOptions,
  settle: (parcel: P, error: Mix3Error | undefined) => Promise<void> | void,
): Promise<void> {
  const { random = systemRandom } = options;
  const byServer = Map.groupBy(parcels, ({ firstHop: { host, port, keyId } }) => `${host} ${port} ${toHex(keyId)}`);
  const groups = shuffle(random, [...byServer.values()]).map((group) => shuffle(random, group));
  await atATime(SERVERS_AT_A_TIME, groups, (group) => deliverGroup(group, options, settle));
}

async function deliverGroup<P extends Parcel>(
  group: readonly P[],
  options: MmtpOptions,
  settle: (parcel: P, error: Mix3Error | undefined) => Promise<void> | void,
): Promise<void> {
  const [first] = group;
  if (first === undefined) return;
  const connection = new MmtpConnection(first.firstHop, options);
  try {
    await connection.connect();
  } catch (error) {
    const failure = networkError(error);
    for (const parcel of group) await settle(parcel, failure);
    return;
  }
  try {
    await atATime(PACKETS_AT_A_TIME, group, async (parcel) => {
      const packet = await parcel.load();
      if (packet !== undefined) await settle(parcel, await failureOf(connection.deliver(packet)));
    });
    await connection.close();
  } finally {
    connection.destroy();
  }
}

async function failureOf(delivery: Promise<'received' | 'rejected'>): Promise<Mix3Error | undefined> {
  try {
    return (await delivery) === 'received' ? undefined : new Mix3RejectedError('the server rejects the packet');
  } catch (error) {
    return networkError(error);
  }
}

function networkError(error: unknown): Mix3Error {
  const known = asMix3Error(error);
  if (known instanceof Mix3ClosedError) return known;
  throw error; // not of the network
}

/** Runs `work` on every item, `limit` of them at a time. The first failure ends it. */
async function atATime<T>(limit: number, items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = items.values();
  await Promise.all(
    Array.from({ length: Math.min(limit, items.length) }, async () => {
      for (const item of left) await work(item);
    }),
  );
}

export interface SendOptions extends DeliveryOptions {
  /** Told of each packet as soon as it is decided; `error` is undefined for one that was received. */
  readonly onResult?: (packet: Packet, error: Mix3Error | undefined) => void;
}

/**
 * Delivers packets, one connection for each first hop, in random order. Resolves to those that were not received: all
 * but those refused by Mix3BadAuthError may be tried again.
 */
export function sendPackets(packets: readonly Packet[], options: SendOptions = {}): Promise<Packet[]> {
  return asApi(async () => {
    const undelivered: Packet[] = [];
    const parcels = packets.map((packet) => ({ packet, firstHop: packet.firstHop, load: async () => packet }));
    await deliverParcels(parcels, options, ({ packet }, error) => {
      if (error !== undefined) undelivered.push(packet);
      options.onResult?.(packet, error);
    });
    return undelivered;
  });
}
