// The nymserver: control messages from nymholders and mail from the world come in, and replies go out in their time.

import { codeOf } from '../../base/errors.ts';
import { randomInt } from '../../base/random.ts';
import { HOUR, MINUTE, SECOND } from '../../base/time.ts';
import { Turns } from '../../base/turns.ts';
import type { AddressOwner } from '../../post/local-delivery.ts';
import { Outbound } from '../../post/outbound.ts';
import type { Post } from '../../post/post.ts';
import { nymAddresses } from './addresses.ts';
import { type Taken, takeControl } from './control.ts';
import type { Curtain } from './curtain.ts';
import type { Desk, Limits } from './desk.ts';
import { serveNym } from './sending.ts';
import { SurbStock } from './surb-stock.ts';
import { Vault } from './vault.ts';

const QUEUE = 'nym/due';
/** Answers leave at a random time within this, so that nobody can match them with what came.   spec: mixminion-nym 6.2 */
const SLOT = 30 * MINUTE;
const CONCURRENCY = 8;

export interface NymserverOptions {
  readonly post: Post;
  readonly limits: Limits;
  /** What hides synopses that are not sealed yet. */
  readonly curtain: Curtain;
  readonly domain: string;
  readonly prepareReply: Desk['prepareReply'];
  readonly sendMail: Desk['sendMail'];
  readonly count: Desk['count'];
}

export class Nymserver {
  readonly #desk: Desk;
  readonly #due: Outbound;
  readonly #curtain: Curtain;
  #cancelSweep = () => {};

  constructor({ post, curtain, ...options }: NymserverOptions) {
    this.#curtain = curtain;
    this.#due = new Outbound(post, {
      queue: QUEUE,
      concurrency: CONCURRENCY,
      attempt: async ({ id }) => {
        await serveNym(this.#desk, id.slice(0, id.lastIndexOf('@')));
        return { fate: 'done' };
      },
      giveUp: async () => {}, // the nym is thought of again with its next mail or message
    });
    this.#desk = {
      post,
      ...options,
      vault: new Vault(post, curtain),
      stock: new SurbStock(post),
      turns: new Turns(),
      wake: (nym, at) => this.#wake(nym, at),
    };
  }

  start(): void {
    this.#due.start();
    this.#sweepLater();
  }

  /** Does what is due now, and resolves when it is done: for whoever turns the clock by hand and has not called `start`. */
  async round(): Promise<void> {
    await this.#curtain.sweep(this.#desk.post.clock.now());
    await this.#due.round();
  }

  async stop(grace: number): Promise<void> {
    this.#cancelSweep();
    await this.#due.stop(grace);
    await this.#desk.turns.idle();
  }

  /** Resolves when nothing is under way for any nym. */
  idle(): Promise<void> {
    return this.#desk.turns.idle();
  }

  /** One control message, as it left the mix. Durable when this resolves; may be repeated. */
  async control(message: Buffer): Promise<Taken> {
    const taken = await takeControl(this.#desk, message);
    this.#desk.count(taken);
    return taken;
  }

  /** The addresses that are its own, for whoever has mail for them. */
  get addresses(): AddressOwner {
    return nymAddresses(this.#desk);
  }

  get domain(): string {
    return this.#desk.domain;
  }

  /** For the operator's commands. */
  get desk(): Desk {
    return this.#desk;
  }

  #sweepLater(): void {
    const { clock, log } = this.#desk.post;
    this.#cancelSweep = clock.timer(HOUR, () => {
      this.#curtain.sweep(clock.now()).catch((error) => log.error('nym.curtain-failed', { code: codeOf(error) }));
      this.#sweepLater();
    });
  }

  /** One thought in each half hour is enough for a nym; when in it is left to chance. */
  async #wake(nym: string, at: number): Promise<void> {
    const { clock, random } = this.#desk.post;
    const now = clock.now();
    const slot = Math.floor(Math.max(at, now) / SLOT);
    const jitter = randomInt(random, SLOT / SECOND) * SECOND;
    await this.#due.push(`${nym}@${slot}`, Buffer.alloc(0), Math.max(at, now) + jitter);
  }
}
