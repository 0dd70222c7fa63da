// A whole remailer on the network: the node with its keys, its directory, its pinger and its exits, and the ports on which it
// is reached.

import { z } from 'zod';
import { codeOf, PosternError } from '../../base/errors.ts';
import { MINUTE, sleep } from '../../base/time.ts';
import { isLoopback } from '../../net/endpoint.ts';
import type { Port } from '../../net/ports.ts';
import { Ports } from '../../net/ports.ts';
import { type Controls, control } from '../../post/control.ts';
import type { House, Listening } from '../../post/counter.ts';
import { mmtpPort } from '../mmtp/port.ts';
import {
  courierSettings,
  exitSettings,
  keySettings,
  openParts,
  type RemailerParts,
  type Surroundings,
} from './assembly.ts';
import { nodeSettings } from './configured.ts';
import { publishUrls } from './directory/settings.ts';
import type { NodeFigures } from './node.ts';
import { replyBuilders } from './own-packets.ts';
import type { ReplyWay } from './service.ts';
import type { MixSettings } from './settings.ts';
import { saveStatistics } from './statistics-files.ts';

const SAVE_STATISTICS = 5 * MINUTE; // spec: mixminion-server 7

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
  readonly #parts: RemailerParts;
  readonly #ports = new Ports();
  readonly #stop = new AbortController();
  #running: Promise<unknown> = Promise.resolve();
  #settings: MixSettings;

  private constructor(house: House, settings: MixSettings, parts: RemailerParts) {
    this.#house = house;
    this.#settings = settings;
    this.#parts = parts;
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
    return this.#parts.keys.identity.publicKey.fingerprint;
  }

  /** Descriptors that no directory server has yet. */
  get unpublished(): number {
    return this.#parts.keys.unpublished.length;
  }

  get figures(): NodeFigures {
    return this.#parts.node.figures;
  }

  get controls(): Controls<MixSettings> {
    return {
      stats: control(
        z.strictObject({}),
        async (): Promise<RemailerStatus> => ({
          nickname: this.#settings.nickname,
          fingerprint: this.fingerprint,
          pending: this.#parts.statistics.preview(this.#house.post.clock.now()),
          packets: this.#parts.node.figures,
        }),
      ),
      republish: control(z.strictObject({}), async () => {
        if (publishUrls(this.#settings.directory).length === 0) {
          throw new PosternError('unpublished', 'this remailer tells no directory server of itself', {
            remedy: 'set publish = true and servers (or publish_urls) under [mix.directory], and start the office anew',
          });
        }
        await this.#parts.keys.republish();
        this.#parts.directory.publishSoon();
        return { descriptors: this.unpublished };
      }),
    };
  }

  /** Takes new settings. Those about directories and pings hold from the next start on. */
  async use(house: House, settings: MixSettings): Promise<void> {
    const { exits, node, bandwidth, courier, keys } = this.#parts;
    await exits.use(await exitSettings(house, settings));
    this.#settings = settings;
    node.use(nodeSettings(settings));
    bandwidth.use(settings.max_bandwidth);
    courier.use(courierSettings(settings));
    const { profile, lifetimes } = keySettings(house, settings);
    await keys.useSettings(profile, lifetimes);
    await this.#listen();
    this.#parts.directory.publishSoon();
  }

  /** As `MixService.replyWays`. */
  replyWays(count: number, spec: string): ReplyWay[] {
    const { node, own } = this.#parts;
    const builders = replyBuilders(count, spec, own);
    if (builders === undefined) throw new PosternError('no-directory', 'there is no list of remailers yet');
    return builders.map((build) => async (surb, payload) => {
      if ((await node.receive(build(surb, payload))) === 'rejected') {
        throw new PosternError('mix-full', 'the remailer takes no more packets now');
      }
    });
  }

  async close(grace: number): Promise<void> {
    this.#stop.abort();
    this.#parts.bandwidth.stop();
    await this.#ports.close(grace);
    await this.#parts.pinger?.close();
    await this.#parts.node.close(grace);
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
      room: this.#parts.room,
      pace: this.#parts.bandwidth.pass,
      certificates: await this.#parts.keys.linkCertificates(compat),
      limits: { connections, perAddress: isLoopback(at.host) ? undefined : connections_per_address },
      clock,
      timeout,
      compat,
      connected: () => this.#parts.node.count('ReceivedConnection'),
      count: metrics.counter('postern_mix_conversations_total', 'How conversations with peers ended', ['reason']),
    });
  }

  /** Keys change on their days, link certificates each day. */
  async #turnKeys(signal: AbortSignal, opened: number): Promise<void> {
    const { clock, log } = this.#house.post;
    for (let since = opened; ; ) {
      await sleep(clock, (await this.#parts.keys.next(since)) - clock.now(), signal);
      if (signal.aborted) return;
      const now = clock.now();
      try {
        const { made, rewritten } = await this.#parts.keys.turn();
        await this.#parts.node.useKeys(this.#parts.keys.live.map(({ key }) => key));
        await this.#listen();
        if (made.length + rewritten.length > 0) this.#parts.directory.publishSoon();
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
    const { folder, post } = this.#house;
    const { log_stats: asBlocks } = this.#settings;
    try {
      await saveStatistics(this.#parts.statistics, folder, { now: post.clock.now(), asBlocks });
    } catch (error) {
      post.log.error('mix.statistics-failed', { code: codeOf(error) });
    }
  }
}
