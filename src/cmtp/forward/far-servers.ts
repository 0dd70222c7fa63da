// The servers of other domains: reached in time, left alone for a while when they are away, and known by their keys.
// spec: cmtp 9 D12, D21

import { Recent } from '../../base/recent.ts';
import { MINUTE, SECOND } from '../../base/time.ts';
import type { Connection } from '../../net/connection.ts';
import { dialPlain } from '../../net/dial.ts';
import type { Endpoint } from '../../net/endpoint.ts';
import { NetError } from '../../net/errors.ts';
import { Pins } from '../../post/pins.ts';
import type { Post } from '../../post/post.ts';
import { ClientError } from '../client/errors.ts';
import { CmtpSession } from '../client/session.ts';
import { routesTo } from './routes.ts';
import type { ForwardSettings } from './settings.ts';

/** For all addresses of a domain together. */
const DIAL_TIME = 40 * SECOND;
const LEAST_DIAL_TIME = 5 * SECOND;
/** For one conversation, whatever is said in it. */
const TALK_TIME = 50 * MINUTE;
/** A domain whose server did not answer is left alone for so long: less than the first wait of a message. */
const AWAY_TIME = 50 * SECOND;
const MAX_AWAY = 10_000;

export class FarServers {
  readonly #post: Post;
  readonly #settings: () => ForwardSettings;
  readonly #pins: Pins;
  /** Domains, and until when. */
  readonly #away = new Recent<string, number>(MAX_AWAY);

  constructor(post: Post, settings: () => ForwardSettings) {
    this.#post = post;
    this.#settings = settings;
    this.#pins = new Pins(post, 'cmtp');
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
    const connection = await this.#dial(domain);
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

  async #dial(domain: string): Promise<Connection> {
    const { clock } = this.#post;
    if ((this.#away.get(domain.toLowerCase()) ?? 0) > clock.now())
      throw new NetError('unreachable', 'the server was away just now');
    const until = clock.now() + DIAL_TIME;
    let failure: unknown = new ClientError('undeliverable', 'the domain has no server');
    const places = await this.routes(domain);
    for (const to of places) {
      const left = until - clock.now();
      if (left <= 0) break;
      try {
        return await dialPlain({ to, clock, timeout: Math.max(left / 2, LEAST_DIAL_TIME) });
      } catch (error) {
        failure = error;
      }
    }
    if (places.length > 0) this.#away.set(domain.toLowerCase(), clock.now() + AWAY_TIME);
    throw failure;
  }
}
