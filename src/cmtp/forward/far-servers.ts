// The servers of other domains: reached in time, left alone for a while when they are away, and known by their keys.
// spec: cmtp 9 D12, D21

import { MINUTE } from '../../base/time.ts';
import type { Endpoint } from '../../net/endpoint.ts';
import { FarDialer } from '../../post/far-dialer.ts';
import { Pins } from '../../post/pins.ts';
import type { Post } from '../../post/post.ts';
import { ClientError } from '../client/errors.ts';
import { CmtpSession } from '../client/session.ts';
import { routesTo } from './routes.ts';
import type { ForwardSettings } from './settings.ts';

/** For one conversation, whatever is said in it. */
const TALK_TIME = 50 * MINUTE;

export class FarServers {
  readonly #post: Post;
  readonly #settings: () => ForwardSettings;
  readonly #pins: Pins;
  readonly #dialer: FarDialer;

  constructor(post: Post, settings: () => ForwardSettings) {
    this.#post = post;
    this.#settings = settings;
    this.#pins = new Pins(post, 'cmtp');
    this.#dialer = new FarDialer({
      clock: post.clock,
      routes: (domain) => this.routes(domain),
      nowhere: () => new ClientError('undeliverable', 'the domain has no server'),
    });
  }

  /** Where the server of a domain may be. Throws NetError `dns`. */
  routes(domain: string): Promise<Endpoint[]> {
    return routesTo(domain, this.#settings(), this.#post.resolver);
  }

  /** One conversation with the first server of a domain that can be reached, if its key is the pinned one.   spec: cmtp 9 D21 */
  async converse<T>(
    domain: string,
    signal: AbortSignal | undefined,
    work: (session: CmtpSession) => Promise<T>,
  ): Promise<T> {
    const connection = await this.#dialer.dial(domain);
    const cut = () => connection.destroy();
    const cancel = this.#post.clock.timer(TALK_TIME, cut);
    signal?.addEventListener('abort', cut);
    try {
      const session = await CmtpSession.open(connection);
      if ((await this.#pins.check(domain, session.serverKey)) === 'changed') {
        this.#post.log.warn('cmtp.server-key-changed');
        throw new ClientError('changed-key', 'the server shows another key than before');
      }
      const result = await work(session);
      await session.close();
      return result;
    } finally {
      cancel();
      signal?.removeEventListener('abort', cut);
      connection.destroy();
    }
  }
}
