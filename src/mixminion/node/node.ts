// A remailer: takes packets, opens them, keeps them in its pool, and at each mix sends a batch on. Everything outside of it
// comes in through its parts.   spec: mixminion-server 1

import { toHex } from '../../base/bytes.ts';
import { codeOf, messageOf } from '../../base/errors.ts';
import { Slots } from '../../base/slots.ts';
import { HOUR, MINUTE } from '../../base/time.ts';
import { sha1 } from '../../crypto/hash.ts';
import type { RsaPrivateKey } from '../../crypto/rsa.ts';
import type { Acknowledgement, PacketRoom } from '../mmtp/carrier.ts';
import { type HopAddress, RoutingType } from '../packet/routing.ts';
import { chooseBatch } from '../pool/strategy.ts';
import { Census, type CensusFigures } from './census.ts';
import { giveBack } from './memory.ts';
import { Outgoing } from './outgoing/outgoing.ts';
import type { NodeParts, NodeSettings } from './parts.ts';
import { ReplayLogs } from './replay/replay-logs.ts';
import type { Burnt, Destination } from './spool/record.ts';
import { type Recovered, Spool } from './spool/spool.ts';
import type { Statistics, StatisticsEvent } from './statistics.ts';
import type { Opened, Unopened } from './unwrap/unwrapper.ts';

/** Packets that are in memory between their arrival and the pool, those that arrive not counted. */
const MAX_UNDER_WAY = 256;
/** Packets that are handed over to the exits at a time. */
const MAX_DELIVERIES = 16;

/** How often at most a file of the spool is ended before it is full, for the sake of what is gone and still lies in it. */
const SEAL_EVERY = MINUTE;
/** How often what is gone goes from files in which something still waits: so it stays for at most twice this time. */
const COMPACT_EVERY = HOUR;

/** What waits in the pool. */
interface Pooled {
  readonly number: number;
  readonly to: Destination;
}

type Relay = Pooled & { readonly to: { readonly kind: 'relay' } };
type Delivery = Pooled & { readonly to: { readonly kind: 'deliver' } };

export interface NodeFigures extends CensusFigures {
  /** Taken and not yet opened, in the pool or just leaving it, and waiting for a next hop. */
  readonly held: { readonly arrived: number; readonly pool: number; readonly outgoing: number };
}

export class MixNode implements PacketRoom {
  readonly #parts: NodeParts;
  readonly #replays: ReplayLogs;
  readonly #spool: Spool;
  readonly #census: Census;
  readonly #outgoing: Outgoing;
  readonly #underWay = new Slots(MAX_UNDER_WAY);
  readonly #working = new Set<Promise<void>>();
  #settings: NodeSettings;
  #pool: Pooled[] = [];
  /** What has left the pool for the exits, and they could not take yet. */
  #deliveries: Delivery[] = [];
  /** Those of an earlier run, which the exits may have. They let nothing out before they were told of these again. */
  readonly #maybeHad = new Set<number>();
  #toOpen: number[];
  #arrived = 0;
  /** Packets of the batch under way that are nowhere else yet. */
  #leaving = 0;
  #sealed = Number.NEGATIVE_INFINITY;
  /** When the spool was last compacted, and what was its newest file then. */
  #compacted = { at: Number.NEGATIVE_INFINITY, newest: 0 };
  #mixing: Promise<void> | undefined;
  #cancelTimer: (() => void) | undefined;
  #closed = false;

  private constructor(
    parts: NodeParts,
    settings: NodeSettings,
    kept: { replays: ReplayLogs; spool: Spool; recovered: Recovered; statistics: Statistics },
  ) {
    const { replays, spool, recovered, statistics } = kept;
    this.#parts = parts;
    this.#settings = settings;
    this.#replays = replays;
    this.#spool = spool;
    this.#census = new Census(statistics, parts.metrics);
    this.#outgoing = new Outgoing(parts, settings.retry, {
      spool,
      census: this.#census,
      receive: (packet) => this.receive(packet),
    });
    this.#toOpen = [...recovered.arrived];
    this.#arrived = recovered.arrived.length;
    for (const waiting of recovered.waiting) this.#takeUp(waiting);
    for (const { number } of this.#deliveries) this.#maybeHad.add(number);
    this.#census.accept(recovered.arrived.length + recovered.waiting.length);
    if (recovered.damaged > 0) parts.log.warn('mix.spool-cut', { places: recovered.damaged });
    parts.metrics.gauge('postern_mix_pool_packets', 'Packets in the pool', () => this.#pool.length);
    parts.metrics.gauge('postern_mix_outgoing_packets', 'Packets that wait for a next hop', () => this.#outgoing.size);
    parts.metrics.gauge('postern_mix_spool_bytes', 'Octets of packets on the disk', () => spool.bytes);
  }

  /**
   * Opens a node on its disk, with the packet keys that are in force, the newest first. Packets of an earlier run go on
   * where they were. KeepingError or errors of the file system when its files cannot be read.
   */
  static async open(
    parts: NodeParts,
    settings: NodeSettings,
    given: { keys: readonly RsaPrivateKey[]; statistics: Statistics },
  ): Promise<MixNode> {
    const replays = await ReplayLogs.open(parts.disk, parts.random);
    await replays.useKeys(given.keys.map(({ publicKey }) => publicKey.digest));
    const { spool, recovered } = await Spool.open(parts.disk, {
      burnt: (burnt) => replays.settle(burnt),
      syncReplays: () => replays.sync(),
    });
    await replays.sync();
    const node = new MixNode(parts, settings, { replays, spool, recovered, statistics: given.statistics });
    parts.unwrapper.useKeys(given.keys);
    node.#track(node.#openRecovered());
    return node;
  }

  /** Mixes from now on, for the first time when one interval has passed.   spec: mixminion-server 1.1 */
  start(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = this.#parts.clock.timer(this.#settings.pool.interval, () => {
      this.start();
      this.#track(this.mix());
    });
  }

  /** New settings; a new interval begins. */
  use(settings: NodeSettings): void {
    this.#settings = settings;
    this.#outgoing.use(settings.retry);
    if (this.#cancelTimer) this.start();
  }

  /** New packet keys, the newest first. The replay logs of those that are gone are deleted. */
  async useKeys(keys: readonly RsaPrivateKey[]): Promise<void> {
    await this.#replays.useKeys(keys.map(({ publicKey }) => publicKey.digest));
    this.#parts.unwrapper.useKeys(keys);
  }

  /** At every moment: accepted = forwarded + delivered + all that was dropped + all that is held. */
  get figures(): NodeFigures {
    const pool = this.#pool.length + this.#leaving + this.#deliveries.length;
    const held = { arrived: this.#arrived, pool, outgoing: this.#outgoing.size };
    return { ...this.#census.figures, held };
  }

  /** For the parts of a server that are not the node's own. */
  count(event: StatisticsEvent): void {
    this.#census.count(event);
  }

  /** Takes a packet of 32768 octets, whose memory is given away. Durable when it is `received`. Throws KeepingError. */
  async receive(packet: Buffer): Promise<Acknowledgement> {
    if (this.#closed || this.#spool.bytes >= this.#settings.spoolSize) return 'rejected';
    await this.#underWay.take(); // who sends faster than we open waits for the answer
    let number: number;
    try {
      number = await this.#spool.arrived(packet);
    } catch (error) {
      this.#underWay.give();
      throw error;
    }
    this.#census.count('ReceivedPacket');
    this.#census.accept();
    this.#arrived += 1;
    this.#track(this.#open(number, packet).finally(() => this.#underWay.give()));
    return 'received';
  }

  /** Padding is forgotten as it comes. */
  padding(): void {}

  /** Sends one batch. Resolves when it has left the pool for good; the attempts at next hops go on: see `settled`. */
  mix(): Promise<void> {
    this.#mixing ??= this.#mix().finally(() => {
      this.#mixing = undefined;
    });
    return this.#mixing;
  }

  /** Resolves when nothing moves any more: all that came in is opened, and all attempts have ended. */
  async settled(): Promise<void> {
    while (this.#working.size > 0 || this.#mixing) await Promise.all([...this.#working, this.#mixing]);
  }

  /** Takes nothing more, and closes its parts and its files; what is cut off goes on after the next start. */
  async close(grace: number): Promise<void> {
    this.#closed = true;
    this.#cancelTimer?.();
    this.#outgoing.close();
    await Promise.all([this.#parts.carrier.close(grace), this.#parts.exits.close(grace)]);
    await this.settled();
    await this.#parts.unwrapper.close();
    await this.#spool.close();
    await this.#replays.close();
  }

  async #openRecovered(): Promise<void> {
    for (const number of this.#toOpen.splice(0)) {
      await this.#underWay.take();
      if (this.#closed) return this.#underWay.give();
      this.#track(this.#openAgain(number).finally(() => this.#underWay.give()));
    }
  }

  async #openAgain(number: number): Promise<void> {
    const packet = await this.#spool.readArrived(number);
    if (packet !== undefined) return await this.#open(number, packet);
    this.#drop('damaged');
    await this.#spool.finish([number]);
  }

  async #open(number: number, packet: Buffer): Promise<void> {
    const opened = await this.#parts.unwrapper.open(packet);
    const { keyId, replayHash } = opened;
    if (keyId === undefined || replayHash === undefined) {
      this.#drop(opened.result === 'failed' ? opened.reason : 'undecryptable');
      return await this.#spool.finish([number]);
    }
    const burnt = { keyId, replayHash };
    const claim = this.#replays.claim(burnt);
    if (claim !== 'new') {
      this.#drop(claim);
      return await this.#spool.finish([number]);
    }
    await this.#settle(number, burnt, opened);
    this.#replays.settle(burnt); // not before the packet itself is durable, or it would look like its own replay
  }

  async #settle(number: number, burnt: Burnt, opened: Opened | Unopened): Promise<void> {
    const spend = (reason: string) => {
      this.#drop(reason);
      return this.#spool.spend(number, burnt);
    };
    if (opened.result === 'failed') return await spend(opened.reason);
    if (opened.result === 'drop') return await spend('drop');
    let to: Destination;
    if (opened.result === 'relay') {
      const { form, host, port, keyId } = opened.next;
      to = { kind: 'relay', form, host, port, next: Buffer.from(keyId) };
    } else {
      const { routingType, routingInfo, applicationKey } = opened;
      if (routingType === RoutingType.PING) {
        this.#parts.pingReturned?.(sha1(opened.payload));
        return await spend('ping');
      }
      if (!this.#parts.exits.accepts(routingType)) return await spend('no-module');
      to = { kind: 'deliver', routingType, routingInfo, applicationKey };
    }
    const octets = opened.result === 'relay' ? opened.packet : opened.payload;
    await this.#spool.hold({ number, ...burnt, to, octets });
    giveBack(octets);
    this.#arrived -= 1;
    this.#takeUp({ number, to, queued: 0 });
  }

  #takeUp({ number, to, queued }: Pooled & { readonly queued: number }): void {
    if (queued === 0) this.#pool.push({ number, to });
    else if (to.kind === 'relay') this.#outgoing.add({ number, queued }, hopOf(to));
    else this.#deliveries.push({ number, to });
  }

  async #mix(): Promise<void> {
    const { clock, random } = this.#parts;
    // spec: mixminion-server 1: replay logs are durable before a mix. Here each hash is, together with its packet.
    const chosen = chooseBatch(this.#pool.length, this.#settings.pool, random);
    const batch = chosen.flatMap((place) => this.#pool[place] ?? []);
    const leaving = new Set(batch);
    this.#pool = this.#pool.filter((pooled) => !leaving.has(pooled));
    this.#leaving += batch.length;

    const now = clock.now();
    await this.#spool.leave(
      batch.map(({ number }) => number),
      now,
    );
    for (const left of batch) this.#takeUp({ ...left, queued: now });
    this.#leaving -= batch.length;
    await this.#deliver();
    this.#parts.mixed?.(nextHops(batch.filter(isRelay)), this.#settings.pool.interval);
    this.#track(this.#send());
  }

  /** First the exits have them, then they are forgotten here, and only then may the exits go to work. */
  async #deliver(): Promise<void> {
    const handedOver: number[] = [];
    const left = this.#deliveries.splice(0);
    this.#leaving += left.length;
    const lane = async () => {
      for (let next = left.shift(); next; next = left.shift()) {
        const outcome = await this.#handOver(next);
        if (outcome === 'handed-over') handedOver.push(next.number);
        else this.#leaving -= 1;
        if (outcome === 'put-off')
          this.#deliveries.push(next); // offered again at the next mix
        else this.#maybeHad.delete(next.number);
      }
    };
    await Promise.all(Array.from({ length: MAX_DELIVERIES }, lane));
    await this.#spool.finish(handedOver);
    this.#leaving -= handedOver.length;
    this.#census.deliver(handedOver.length);
  }

  async #handOver({ number, to }: Delivery): Promise<'handed-over' | 'put-off' | 'dropped'> {
    try {
      const held = await this.#spool.readHeld(number);
      if (held === undefined) {
        await this.#spool.finish([number]);
        this.#census.drop('damaged');
        return 'dropped';
      }
      const { routingType, routingInfo } = to;
      await this.#parts.exits.deliver({ replayHash: held.replayHash, routingType, routingInfo, payload: held.octets });
      return 'handed-over';
    } catch (error) {
      this.#parts.log.warn('mix.delivery-put-off', { code: codeOf(error) });
      return 'put-off';
    }
  }

  async #send(): Promise<void> {
    const letOut = this.#maybeHad.size === 0 ? this.#parts.exits.round() : undefined;
    await Promise.all([this.#outgoing.sendReady(), letOut]);
    const now = this.#parts.clock.now();
    if (now - this.#sealed >= SEAL_EVERY) {
      this.#sealed = now;
      await this.#spool.seal();
    }
    if (now - this.#compacted.at < COMPACT_EVERY) return await this.#spool.tidy();
    const old = this.#compacted.newest;
    this.#compacted = { at: now, newest: this.#spool.newest };
    await this.#spool.tidy(old);
  }

  #drop(reason: string): void {
    this.#arrived -= 1;
    this.#census.drop(reason);
  }

  #track(work: Promise<void>): void {
    const tracked = work
      .catch((error) => this.#failed(error))
      .finally(() => {
        this.#working.delete(tracked);
      });
    this.#working.add(tracked);
  }

  /** The packets concerned stay in the spool, for the next start. */
  #failed(error: unknown): void {
    this.#parts.log.error('mix.failed', { code: codeOf(error), reason: messageOf(error) });
  }
}

function hopOf({ form, host, port, next }: Extract<Destination, { kind: 'relay' }>): HopAddress {
  return { form, host, port, keyId: next };
}

function nextHops(relays: readonly Relay[]): HopAddress[] {
  const hops = relays.map(({ to }) => hopOf(to));
  return [...new Map(hops.map((hop) => [`${toHex(hop.keyId)} ${hop.host} ${hop.port}`, hop])).values()];
}

function isRelay(pooled: Pooled): pooled is Relay {
  return pooled.to.kind === 'relay';
}
