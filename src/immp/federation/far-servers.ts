// The servers of other domains: found, reached, known by their keys; and this domain shown to them.   spec: immp 2.4, 2.5, 2.6

import { codeOf } from '../../base/errors.ts';
import { MINUTE, SECOND } from '../../base/time.ts';
import { NetError } from '../../net/errors.ts';
import { FarDialer } from '../../post/far-dialer.ts';
import { Pins } from '../../post/pins.ts';
import { ClientError } from '../client/errors.ts';
import { ImmpSession } from '../client/session.ts';
import type { Room } from '../room.ts';
import { nextKey } from '../wire/texts.ts';
import { Cookies } from './cookies.ts';
import { FarError } from './errors.ts';
import { placesFor } from './places.ts';
import { type Judge, judge, type Purpose } from './trust.ts';

/** For one conversation, whatever is said in it. */
export const TALK_TIME = 50 * MINUTE;
/** For a call-back as a whole.   spec: immp 2.6 */
const PROOF_TIME = 30 * SECOND;
const PROOF_DIAL_TIME = 15 * SECOND;

export interface TalkOptions {
  /** With it nothing is said to a server whose key is not the pinned one. */
  readonly secure?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** What a call-back found out about a cookie. */
export type Proof = 'valid' | 'invalid' | 'unknown-now';

export class FarServers {
  readonly cookies: Cookies;
  readonly pins: Pins;
  readonly #room: Room;
  readonly #dialer: FarDialer;
  readonly #changed: Judge['changed'];

  /** `changed`: see Judge. */
  constructor(room: Room, changed: Judge['changed']) {
    const { post } = room;
    this.cookies = new Cookies(post);
    this.pins = new Pins(post, 'immp');
    this.#room = room;
    this.#changed = changed;
    this.#dialer = new FarDialer({
      clock: post.clock,
      routes: (domain) => placesFor(domain, room.settings, post),
      nowhere: (domain) => new FarError('nowhere', `${domain} has no server`),
    });
  }

  /**
   * One conversation with the server of `domain`, which knows when `work` begins that we are our domain (its state 4). Throws
   * FarError, NetError, ClientError, and what `work` throws.
   */
  async converse<T>(domain: string, work: (session: ImmpSession) => Promise<T>, options: TalkOptions = {}): Promise<T> {
    const purpose = options.secure ? 'secure-mail' : 'mail';
    return this.#talk(domain, purpose, { time: TALK_TIME, signal: options.signal }, async (session) => {
      await this.#showWhoWeAre(session, domain);
      return work(session);
    });
  }

  /** Asks the server of `issuer` whether the cookie is its own, made for us.   spec: immp 2.6 */
  async prove(cookie: string, issuer: string): Promise<Proof> {
    const limits = { time: PROOF_TIME, dialTime: PROOF_DIAL_TIME };
    try {
      return await this.#talk(issuer, 'proof', limits, async (session) => {
        const { code } = (await session.ask({ word: 'AUTH VERIFY', cookie, domain: this.#room.domain })).at(-1) ?? {};
        return code === '211' ? 'valid' : 'invalid';
      });
    } catch (error) {
      this.#room.post.log.info('immp.cookie-not-proved', { code: codeOf(error) });
      if (error instanceof FarError) return 'invalid';
      return error instanceof ClientError && error.code === 'refused' ? 'invalid' : 'unknown-now';
    }
  }

  async #showWhoWeAre(session: ImmpSession, domain: string): Promise<void> {
    const cookie = this.cookies.make(domain);
    try {
      await session.ask({ word: 'AUTH COOKIE', cookie, domain: this.#room.domain });
    } finally {
      this.cookies.drop(cookie);
    }
  }

  /** So that a planned change of its key surprises nobody. What goes wrong here does no harm to what was said before. */
  async #learnNextKey(session: ImmpSession, domain: string): Promise<void> {
    try {
      const { text } = (await session.ask({ word: 'KEY NEXT' })).at(-1) ?? { text: '' };
      await this.pins.announce(domain, nextKey.read(text));
    } catch (error) {
      const none = error instanceof ClientError && error.reply?.code === '404';
      if (none) await this.pins.announce(domain, undefined);
      else this.#room.post.log.info('immp.next-key-not-had', { code: codeOf(error) });
    }
  }

  async #talk<T>(
    domain: string,
    purpose: Purpose,
    { time, dialTime, signal }: { time: number; dialTime?: number; signal?: AbortSignal | undefined },
    work: (session: ImmpSession) => Promise<T>,
  ): Promise<T> {
    const { post, settings, identity } = this.#room;
    const { clock, log } = post;
    signal?.throwIfAborted();
    const connection = await this.#dialer.dial(domain, dialTime);
    let late = false;
    const cut = () => connection.destroy();
    const cancel = clock.timer(time, () => {
      late = true;
      cut();
    });
    signal?.addEventListener('abort', cut);
    try {
      const session = await ImmpSession.open(connection, { domain, clock });
      const { vouched } = connection.peer;
      const shown = { domain, key: session.serverKey, vouched };
      const by = { pins: this.pins, settings, own: identity.serverKey, log, changed: this.#changed };
      const isPinned = await judge(shown, purpose, by);
      const result = await work(session);
      if (isPinned && session.greeting.extensions.has('NEXT')) await this.#learnNextKey(session, domain);
      await session.quit();
      return result;
    } catch (error) {
      if (late) throw new NetError('timeout', `the conversation with ${domain} takes too long`, { cause: error });
      throw error;
    } finally {
      cancel();
      signal?.removeEventListener('abort', cut);
      connection.destroy();
    }
  }
}
