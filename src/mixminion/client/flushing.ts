// Sends what waits in the queue: each packet is taken out as soon as its server has it, so that a failure or a crash
// leaves the others where they are.   spec: mixminion-server 9.1 (flush)

import { lockWithin } from '../../base/process-lock.ts';
import { shuffle, systemRandom } from '../../base/random.ts';
import { MINUTE, systemClock } from '../../base/time.ts';
import { parseSocksUrl } from '../../net/socks-url.ts';
import type { MmtpOptions } from '../mmtp/client.ts';
import type { Hop } from '../mmtp/link.ts';
import { openClientHome } from './client-home.ts';
import { type ClientSettings, clockOf } from './client-settings.ts';
import { Mix3BusyError, type Mix3Error } from './errors.ts';
import { isOneOf, PacketQueue, type QueuedPacket } from './packet-queue.ts';
import { type DeliveryOptions, deliverParcels } from './sending.ts';
import { asApi } from './translate.ts';

const PATIENCE = 10 * MINUTE;

export interface FlushOptions extends DeliveryOptions {
  /** Only these of the queue, by their names in it. */
  readonly only?: readonly string[] | undefined;
  /** Only those for these servers, by nickname or host name, in any case. */
  readonly servers?: readonly string[] | undefined;
  /** No more than so many, chosen at random. */
  readonly count?: number | undefined;
  /** Told of each packet that left or failed. */
  readonly onProgress?: ((state: FlushState) => void) | undefined;
}

export interface FlushState {
  readonly sent: number;
  readonly failed: number;
  readonly total: number;
}

export interface FlushReport extends FlushState {
  /** Each server that something failed at, and how it failed last. */
  readonly failures: readonly { readonly server: Hop; readonly error: Mix3Error; readonly packets: number }[];
}

/** Sends packets of the queue. Whoever calls this sees to it that nobody else does so meanwhile. */
function flushQueue(queue: PacketQueue, options: FlushOptions = {}): Promise<FlushReport> {
  return asApi(async () => {
    const chosen = choose(await queue.list(), options);
    const parcels = chosen.map(({ id, firstHop }) => ({ id, firstHop, load: () => queue.read(id) }));
    const failures = new Map<string, FlushReport['failures'][number]>();
    let [sent, failed] = [0, 0];
    await deliverParcels(parcels, options, async ({ id, firstHop }, error) => {
      if (error === undefined) {
        await queue.remove(id);
        sent += 1;
      } else {
        failed += 1;
        const key = nameOf(firstHop);
        failures.set(key, { server: firstHop, error, packets: (failures.get(key)?.packets ?? 0) + 1 });
      }
      options.onProgress?.({ sent, failed, total: chosen.length });
    });
    return { sent, failed, total: chosen.length, failures: [...failures.values()] };
  });
}

function choose(waiting: readonly QueuedPacket[], { only, servers, count, random = systemRandom }: FlushOptions) {
  const named = only && new Set(only);
  const fitting = waiting.filter(({ id, firstHop }) => (named?.has(id) ?? true) && isOneOf(firstHop, servers));
  return shuffle(random, fitting).slice(0, count);
}

/** A server as people know it. */
export function nameOf({ nickname, host, port }: Hop): string {
  return nickname ?? `${host}:${port}`;
}

/** A client's folder and how to reach servers from it. */
export interface OutboxOptions extends FlushOptions {
  readonly folder: string;
  readonly settings: ClientSettings;
  readonly onWarning?: (text: string) => void;
  /** How long another process that is sending is waited for, in milliseconds; ten minutes when not given. */
  readonly patience?: number;
  readonly onWait?: () => void;
}

/**
 * Sends what waits in a client's folder, as its settings say. The folder itself stays free for others meanwhile; whoever
 * else sends is waited for, so that no packet goes twice. Throws Mix3BusyError.
 */
export function flushFolder(options: OutboxOptions): Promise<FlushReport> {
  return asApi(async () => {
    const { folder, settings, clock = clockOf(settings), patience = PATIENCE, onWait, onWarning } = options;
    const home = await openClientHome(folder);
    using lock = await lockWithin(home.sendingLock, { clock: options.clock ?? systemClock, patience, onWait });
    if (lock === undefined)
      throw new Mix3BusyError(`another program is sending from ${home.folder}`, {
        remedy: 'try again when it is done',
      });
    const queue = new PacketQueue(home.queue, { clock, ...(onWarning === undefined ? {} : { onWarning }) });
    return await flushQueue(queue, { ...networkOptions(settings), ...options });
  });
}

/** How the settings say that servers are reached. */
export function networkOptions(settings: ClientSettings): MmtpOptions {
  const { timeout, proxy, compat } = settings.network;
  const clock = clockOf(settings);
  return { timeout, clock, proxy: parseSocksUrl(proxy), ...(compat === 'none' ? {} : { compat }) };
}
