// The pinger at work: sends itself packets through each other server and each pair of them, notes which come back, and
// works out from that how reliable they are.   spec: mixminion-server 5

import { toHex } from '../../../base/bytes.ts';
import { codeOf } from '../../../base/errors.ts';
import type { Log } from '../../../base/log.ts';
import type { Random } from '../../../base/random.ts';
import { type Clock, DAY, startOfDay } from '../../../base/time.ts';
import { sha1 } from '../../../crypto/hash.ts';
import type { Store } from '../../../store/store.ts';
import { putReliabilities } from '../../directory/reliability.ts';
import { PAYLOAD_LENGTH } from '../../packet/layout.ts';
import { type Instruction, RoutingType } from '../../packet/routing.ts';
import { choosePadding, paddingChance } from './padding.ts';
import { BEAT, PingRecord } from './record.ts';
import { type PingResults, results } from './results.ts';
import { nextPing, phaseOf } from './schedule.ts';
import type { PingSettings } from './settings.ts';

const SEED = 20;

/** A packet to build and send: through the servers of `path` and back to this one. */
export interface OutgoingPing {
  /** KEYIDs in hex, one or two; two may be the same. */
  readonly path: readonly string[];
  /** What the last hop, this server, is told. */
  readonly exit: Instruction;
  /** 28672 octets. */
  readonly payload: Buffer;
}

export interface PingerParts {
  readonly store: Pick<Store, 'documents'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly settings: PingSettings;
  /** KEYIDs in hex of all servers that are in the directory now, this one left out. */
  servers(): readonly string[];
  /** Puts a ping on its way. What it throws means that there was none. */
  send(ping: OutgoingPing): Promise<void>;
}

interface Plan {
  readonly path: readonly string[];
  readonly interval: number;
  readonly phase: number;
  due: number;
}

export class Pinger {
  readonly #parts: PingerParts;
  readonly #record: PingRecord;
  readonly #seed: Buffer;
  readonly #plans = new Map<string, Plan>();
  #results: PingResults;
  #recomputeAt = 0;
  #pruned = 0;
  #cancel: (() => void) | undefined;
  #running: Promise<void> = Promise.resolve();
  #closed = false;

  private constructor(parts: PingerParts, record: PingRecord, seed: Buffer) {
    this.#parts = parts;
    this.#record = record;
    this.#seed = seed;
    this.#results = { at: parts.clock.now(), uptime: 0, servers: [], chains: [] };
  }

  /** Opens the record of earlier runs. Nothing is sent before `start`. StoreError passes through. */
  static async open(parts: PingerParts): Promise<Pinger> {
    const { store, clock, random } = parts;
    const record = await PingRecord.open(store, clock.now());
    return new Pinger(parts, record, await record.seed(() => random.bytes(SEED)));
  }

  /** Pings from now on. What fell due while this server was down is not made up for. */
  start(): void {
    this.#cancel ??= this.#parts.clock.timer(0, () => this.#wake());
  }

  /** What is known now; worked out anew every `recompute_interval`. */
  get results(): PingResults {
    return this.#results;
  }

  /** A payload whose SHA-1 this is came to this server as a ping. False when it is none of ours, or was here before. */
  returned(digest: Uint8Array): boolean {
    const known = this.#record.returned(toHex(digest), this.#parts.clock.now());
    if (known) this.#save();
    return known;
  }

  /**
   * Which servers (KEYIDs in hex) get padding at a mix that sends packets to those in `busy`; mixes come every
   * `mixInterval` ms.   spec: mixminion-server 5
   */
  padding(busy: ReadonlySet<string>, mixInterval: number): string[] {
    const { settings, random, servers } = this.#parts;
    const chance = paddingChance(mixInterval, settings.server_probe_period);
    return choosePadding(servers(), (id) => busy.has(id), chance, random);
  }

  /** Sends nothing more, and keeps what is known. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancel?.();
    await this.#running;
    await this.#record.save();
  }

  #wake(): void {
    this.#running = this.#tick().then((next) => {
      if (this.#closed) return;
      const { clock } = this.#parts;
      this.#cancel = clock.timer(Math.max(1, next - clock.now()), () => this.#wake());
    });
  }

  /** Does what is due, and says when the next thing will be. */
  async #tick(): Promise<number> {
    const { clock, log } = this.#parts;
    const now = clock.now();
    this.#record.beat(now);
    try {
      if (now >= this.#recomputeAt) await this.#recompute(now);
      for (const plan of this.#plans.values()) {
        if (plan.due > now || this.#closed) continue;
        plan.due = nextPing(plan.phase, plan.interval, now);
        await this.#ping(plan.path, now);
      }
      await this.#record.save();
    } catch (error) {
      log.error('mix.pinger-failed', { code: codeOf(error) });
    }
    let next = Math.min(this.#recomputeAt, now - (now % BEAT) + BEAT);
    for (const { due } of this.#plans.values()) next = Math.min(next, due);
    return next;
  }

  async #ping(path: readonly string[], now: number): Promise<void> {
    const { random, log, send } = this.#parts;
    const payload = random.bytes(PAYLOAD_LENGTH);
    const digest = sha1(payload);
    this.#record.sent(path, toHex(digest), now);
    try {
      await send({ path, exit: { routingType: RoutingType.PING, routingInfo: digest }, payload });
    } catch (error) {
      this.#record.unsent(toHex(digest));
      log.warn('mix.ping-unsent', { hops: path.length, code: codeOf(error) });
    }
  }

  async #recompute(now: number): Promise<void> {
    const { settings, servers } = this.#parts;
    this.#recomputeAt = now + settings.recompute_interval;
    const known = servers();
    this.#results = results(known, this.#record.pings(), this.#record.uptime(now), now);
    this.#plan(known, now);
    await this.#record.keepResults(this.#results);
    await this.#tellDirectory(this.#results);
    if (this.#pruned === startOfDay(now)) return;
    await this.#record.prune(now, { data: settings.retain_data, results: Math.max(settings.retain_results, DAY) });
    this.#pruned = startOfDay(now);
  }

  /** A directory server of this office recommends by what was found. */
  #tellDirectory({ servers, at }: PingResults): Promise<void> {
    const found = servers.flatMap(({ id, overall }) =>
      overall === undefined ? [] : [[id.toUpperCase(), overall] as const],
    );
    return putReliabilities(this.#parts.store, new Map(found), at);
  }

  /** Each server alone, and each ordered pair, a server with itself too. */
  #plan(servers: readonly string[], now: number): void {
    const { server_ping_period, chain_ping_period, dull_chain_ping_period } = this.#parts.settings;
    const interesting = new Set(
      this.#results.chains.filter((chain) => chain.interesting).map(({ path }) => path.join(',')),
    );
    const before = new Map(this.#plans);
    this.#plans.clear();
    const plan = (path: readonly string[], interval: number) => {
      const key = path.join(',');
      const known = before.get(key);
      if (known?.interval === interval) this.#plans.set(key, known);
      else {
        const phase = phaseOf(path, interval, this.#seed);
        this.#plans.set(key, { path, interval, phase, due: nextPing(phase, interval, now) });
      }
    };
    for (const first of servers) {
      plan([first], server_ping_period);
      for (const second of servers) {
        const key = `${first},${second}`;
        plan([first, second], interesting.has(key) ? chain_ping_period : dull_chain_ping_period);
      }
    }
  }

  #save(): void {
    this.#record.save().catch((error: unknown) => {
      this.#parts.log.error('mix.pinger-failed', { code: codeOf(error) }); // written with the next change
    });
  }
}
