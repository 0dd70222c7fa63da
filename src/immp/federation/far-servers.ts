// The servers of other domains: found, reached, known by their keys; and this domain shown to them.   spec: immp 2.4, 2.5, 2.6

import { codeOf } from '../../base/errors.ts';
import { MINUTE, SECOND } from '../../base/time.ts';
import { Turns } from '../../base/turns.ts';
import type { Connection } from '../../net/connection.ts';
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
/** From the greeting to the upgraded, known server. */
const OPEN_TIME = 2 * MINUTE;
/** A conversation that nobody needs is kept for so long. */
const KEPT_TIME = 20 * SECOND;
/** For a call-back as a whole.   spec: immp 2.6 */
const PROOF_TIME = 30 * SECOND;
const PROOF_DIAL_TIME = 15 * SECOND;

export interface TalkOptions {
  /** With it nothing is said to a server whose key is not the pinned one. */
  readonly secure?: boolean;
  readonly signal?: AbortSignal | undefined;
  /**
   * Conversations of one name take turns: `mail` when not given. What others may wait for in the middle of their own conversation
   * with us must have another, or two offices could wait for each other.
   */
  readonly line?: string;
}

/** The server says goodbye, or has gone. */
const OVER: ReadonlySet<string> = new Set(['closed', '710', '711', '712']);

interface Talk {
  readonly session: ImmpSession;
  readonly connection: Connection;
}

/** What a call-back found out about a cookie. */
export type Proof = 'valid' | 'invalid' | 'unknown-now';

export class FarServers {
  readonly cookies: Cookies;
  readonly pins: Pins;
  readonly #room: Room;
  readonly #dialer: FarDialer;
  readonly #changed: Judge['changed'];
  readonly #turns = new Turns();
  readonly #kept = new Map<string, Talk & { readonly forget: () => void }>();

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
   * Talks with the server of `domain`, which knows when `work` begins that we are our domain (its state 4). One `work` after the
   * other for each domain, over one conversation while it lasts, since the other side looks us up anew for each. `work` may be
   * begun a second time when such a conversation turns out to be over. Throws FarError, NetError, ClientError, and what `work`
   * throws.
   */
  converse<T>(domain: string, work: (session: ImmpSession) => Promise<T>, options: TalkOptions = {}): Promise<T> {
    const { secure = false, signal, line: name = 'mail' } = options;
    const line = `${name} ${secure ? 'secure' : 'usual'} ${domain.toLowerCase()}`;
    return this.#turns.take(line, async () => {
      signal?.throwIfAborted();
      const kept = this.#takeKept(line);
      if (kept !== undefined) {
        try {
          return await this.#useAndKeep(line, kept, work, signal);
        } catch (error) {
          if (!isOver(error) || signal?.aborted) throw error;
        }
      }
      const talk = await this.#open(domain, secure ? 'secure-mail' : 'mail');
      await this.#within(talk, TALK_TIME, signal, () => this.#showWhoWeAre(talk.session, domain)).catch((error) => {
        talk.connection.destroy();
        throw error;
      });
      return this.#useAndKeep(line, talk, work, signal);
    });
  }

  /** Ends the conversations that nobody needs just now. */
  close(): void {
    for (const line of [...this.#kept.keys()]) this.#takeKept(line)?.connection.destroy();
  }

  /** Asks the server of `issuer` whether the cookie is its own, made for us.   spec: immp 2.6 */
  async prove(cookie: string, issuer: string): Promise<Proof> {
    try {
      const talk = await this.#open(issuer, 'proof', PROOF_DIAL_TIME, PROOF_TIME);
      try {
        return await this.#within(talk, PROOF_TIME, undefined, async () => {
          const replies = await talk.session.ask({ word: 'AUTH VERIFY', cookie, domain: this.#room.domain });
          await talk.session.quit();
          return replies.at(-1)?.code === '211' ? 'valid' : 'invalid';
        });
      } finally {
        talk.connection.destroy();
      }
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

  /** A conversation in state 2 with a server that may be used for this. */
  async #open(domain: string, purpose: Purpose, dialTime?: number, time = OPEN_TIME): Promise<Talk> {
    const { post, settings, identity } = this.#room;
    const { clock, log } = post;
    const connection = await this.#dialer.dial(domain, dialTime);
    const cancel = clock.timer(time, () => connection.destroy());
    try {
      const session = await ImmpSession.open(connection, { domain, clock });
      const shown = { domain, key: session.serverKey, vouched: connection.peer.vouched };
      const by = { pins: this.pins, settings, own: identity.serverKey, log, changed: this.#changed };
      const isPinned = await judge(shown, purpose, by);
      if (isPinned && session.greeting.extensions.has('NEXT')) await this.#learnNextKey(session, domain);
      return { session, connection };
    } catch (error) {
      connection.destroy();
      throw error;
    } finally {
      cancel();
    }
  }

  /** A server that only said no can be talked with on; in any other case the conversation is over. */
  async #useAndKeep<T>(
    line: string,
    talk: Talk,
    work: (session: ImmpSession) => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    try {
      const result = await this.#within(talk, TALK_TIME, signal, () => work(talk.session));
      this.#keep(line, talk);
      return result;
    } catch (error) {
      if (error instanceof ClientError && error.reply !== undefined && error.code !== 'protocol')
        this.#keep(line, talk);
      else talk.connection.destroy();
      throw error;
    }
  }

  async #within<T>({ connection }: Talk, time: number, signal: AbortSignal | undefined, work: () => Promise<T>) {
    let late = false;
    const cut = () => connection.destroy();
    const cancel = this.#room.post.clock.timer(time, () => {
      late = true;
      cut();
    });
    signal?.addEventListener('abort', cut);
    try {
      return await work();
    } catch (error) {
      if (late) throw new NetError('timeout', 'the conversation takes too long', { cause: error });
      throw error;
    } finally {
      cancel();
      signal?.removeEventListener('abort', cut);
    }
  }

  #keep(line: string, talk: Talk): void {
    if (talk.connection.closed) return;
    const forget = this.#room.post.clock.timer(KEPT_TIME, () => {
      this.#kept.delete(line);
      void talk.session.quit();
    });
    this.#kept.set(line, { ...talk, forget });
  }

  #takeKept(line: string): Talk | undefined {
    const kept = this.#kept.get(line);
    this.#kept.delete(line);
    kept?.forget();
    return kept;
  }
}

/** What a conversation that had ended before looks like when it is used again. */
export function isOver(error: unknown): boolean {
  return error instanceof NetError || (error instanceof ClientError && OVER.has(error.reply?.code ?? error.code));
}
