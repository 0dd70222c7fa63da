// Mail for other domains: taken in and made durable, carried when the other side can be reached, and sent back as a notice when
// it cannot; and the keys of people there, for those who may ask.   spec: cmtp 6, 9 D9, D12

import { toHex } from '../../base/bytes.ts';
import { codeOf } from '../../base/errors.ts';
import { Recent } from '../../base/recent.ts';
import { type Clock, HOUR, MINUTE, SECOND } from '../../base/time.ts';
import type { Connection } from '../../net/connection.ts';
import { dialPlain } from '../../net/dial.ts';
import { NetError } from '../../net/errors.ts';
import { type Attempt, Outbound } from '../../post/outbound.ts';
import { Pins } from '../../post/pins.ts';
import type { Post } from '../../post/post.ts';
import type { Job } from '../../store/store.ts';
import { ClientError } from '../client/errors.ts';
import { CmtpSession } from '../client/session.ts';
import { formatHead } from '../wire/message.ts';
import { type Place, sameDomain } from '../wire/names.ts';
import { writeNotice } from './notice.ts';
import type { Asker, Forward, HomeServer, Passing, Verdict } from './passing.ts';
import { type BounceJob, type ForwardJob, type MessageJob, readJob, WaitingMessages, writeJob } from './queue.ts';
import { routesTo } from './routes.ts';
import { type ForwardSettings, rangesHold } from './settings.ts';
import { traced } from './trace.ts';

const QUEUE = 'cmtp/forward';
const RETRY_WAITS = [MINUTE, 5 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR];
/** For all addresses of a domain together. */
const DIAL_TIME = 40 * SECOND;
const LEAST_DIAL_TIME = 5 * SECOND;
/** A domain whose server did not answer is left alone for so long: less than the first wait of a message. */
const AWAY_TIME = 50 * SECOND;
const MAX_AWAY = 10_000;
/** One attempt, from the look-up of the domain to its server's answer; longer than that nobody else may try. */
const ATTEMPT_TIME = 50 * MINUTE;
const LEASE = HOUR;
/** Keys that are asked for at once elsewhere. */
const MAX_ASKING = 32;
/** Keys of people elsewhere that are remembered, and for how long.   spec: cmtp 9 D9 */
const MAX_KEYS = 10_000;
const KEY_TIME = 10 * MINUTE;
const NO_KEY_TIME = MINUTE;

export class Forwarding implements Forward {
  readonly #post: Post;
  readonly #home: HomeServer;
  readonly #waiting: WaitingMessages;
  readonly #outbound: Outbound;
  readonly #pins: Pins;
  readonly #keys: KeyMemory;
  readonly #away = new Recent<string, number>(MAX_AWAY);
  #asking = 0;
  #settings: ForwardSettings;
  #mayAsk: (address: string) => boolean;

  private constructor(post: Post, home: HomeServer, settings: ForwardSettings) {
    this.#post = post;
    this.#home = home;
    this.#settings = settings;
    this.#mayAsk = rangesHold(settings.forward_from);
    this.#waiting = new WaitingMessages(post);
    this.#pins = new Pins(post, 'cmtp');
    this.#keys = new KeyMemory(post.clock);
    const patience = () => this.#settings.forward_time;
    this.#outbound = new Outbound(post, {
      queue: QUEUE,
      lease: LEASE,
      schedule: {
        waits: RETRY_WAITS,
        get patience() {
          return patience();
        },
      },
      attempt: (job, signal) => this.#attempt(job, signal),
      giveUp: (job, reason) => this.#giveUp(job, reason),
    });
  }

  /** Takes up what waits, and goes on carrying it until `close`. */
  static async open(post: Post, home: HomeServer, settings: ForwardSettings): Promise<Forwarding> {
    const forwarding = new Forwarding(post, home, settings);
    await forwarding.use(settings);
    for await (const jobs of forwarding.#waiting.jobs()) {
      await Promise.all(jobs.map((job) => forwarding.#outbound.push(job.message, writeJob(job))));
    }
    forwarding.#outbound.start();
    return forwarding;
  }

  async use(settings: ForwardSettings): Promise<void> {
    await this.#waiting.prepare(settings.forward_size);
    this.#settings = settings;
    this.#mayAsk = rangesHold(settings.forward_from);
  }

  async close(grace: number): Promise<void> {
    await this.#outbound.stop(grace);
  }

  async judge({ to, from, log }: Pick<Passing, 'to' | 'from' | 'log'>, asker: Asker): Promise<Verdict> {
    if (!this.#isPermitted(asker, from)) return 'not-permitted';
    if (traced(log, this.#line()) === undefined) return 'loop';
    try {
      return (await this.#routes(to.domain)).length > 0 ? 'ok' : 'no-host';
    } catch (error) {
      if (codeOf(error) === 'dns') return 'ok'; // nobody can say now: it waits
      throw error;
    }
  }

  async accept(passing: Passing): Promise<'queued' | 'full'> {
    const job = await this.#waiting.keep(passing, this.#onward(passing), this.#post.clock.now());
    if (job === undefined) return 'full';
    await this.#outbound.push(job.message, writeJob(job));
    return 'queued';
  }

  async bounce(sender: Place, about: Place, reason: string): Promise<void> {
    if (sender.account === '') return; // spec: cmtp 9 D12
    const job: ForwardJob = { kind: 'bounce', to: sender, about, reason };
    await this.#outbound.push(toHex(this.#post.random.bytes(16)), writeJob(job));
  }

  async keyOf(place: Place, asker: Asker): Promise<Uint8Array | undefined> {
    if (!this.#isPermitted(asker, undefined) || this.#asking >= MAX_ASKING) return undefined;
    this.#asking += 1;
    try {
      return await this.#foreignKey(place);
    } catch (error) {
      this.#post.log.info('cmtp.key-not-had', { code: codeOf(error) });
      return undefined;
    } finally {
      this.#asking -= 1;
    }
  }

  async #attempt(job: Job, signal: AbortSignal): Promise<Attempt> {
    const what = readJob(job.body);
    if (what.kind === 'bounce') return this.#notify(what, signal);
    try {
      return await this.#carry(what, signal);
    } catch (error) {
      if (signal.aborted) throw error;
      const failure = codeOf(error) ?? 'unknown';
      this.#post.log.info('cmtp.forward-failed', { attempts: job.attempts + 1, code: failure });
      return { fate: 'later', body: writeJob({ ...what, failure }) };
    }
  }

  async #carry(job: MessageJob, signal: AbortSignal): Promise<Attempt> {
    const octets = await this.#waiting.read(job);
    if (octets === undefined) return { fate: 'done' }; // a crash came between dropping the message and finishing its job
    try {
      const outgoing = { attachments: job.attachments, chunks: octets.chunks };
      const sent = await this.#converse(job.to.domain, signal, (session) => session.mail(outgoing));
      this.#post.log.debug('cmtp.forwarded', { confirmed: sent === 'stored' });
    } catch (error) {
      const code = codeOf(error);
      if (code !== 'undeliverable' && code !== 'refused') throw error;
      return { fate: 'refused', reason: code };
    }
    await this.#waiting.drop(job);
    return { fate: 'done' };
  }

  /** Writes a notice to a sender: into his mailbox here, or into the queue.   spec: cmtp 9 D12 */
  async #notify({ to, about, reason }: BounceJob, signal: AbortSignal): Promise<Attempt> {
    const { domain } = this.#home;
    const isLocal = sameDomain(to.domain, domain);
    const key = isLocal ? await this.#home.keyOf(to.account) : await this.#foreignKey(to, signal);
    if (key === undefined) return { fate: 'done' }; // nobody to tell
    const { clock, random } = this.#post;
    const message = writeNotice({ to, about, reason, domain, key, now: clock.now(), random });
    if (isLocal) {
      await this.#home.deliver(to.account, message);
      return { fate: 'done' };
    }
    const whole = async function* () {
      yield message;
    };
    const from = { account: '', domain };
    const job = await this.#waiting.keep({ to, from, attachments: 0 }, whole(), clock.now());
    if (job === undefined) return { fate: 'later' };
    await this.#outbound.push(job.message, writeJob(job));
    return { fate: 'done' };
  }

  async #giveUp(job: Job, reason: string): Promise<void> {
    const what = readJob(job.body);
    this.#post.log.info('cmtp.given-up', { kind: what.kind, reason });
    if (what.kind === 'bounce') return;
    if (what.from.account !== '') {
      const words = inWords(reason === 'expired' ? what.failure : reason);
      const bounce: ForwardJob = { kind: 'bounce', to: what.from, about: what.to, reason: words };
      await this.#outbound.push(`bounce-${job.id}`, writeJob(bounce));
    }
    await this.#waiting.drop(what);
  }

  async #foreignKey(place: Place, signal?: AbortSignal): Promise<Uint8Array | undefined> {
    const known = this.#keys.get(place);
    if (known !== undefined) return known.key;
    let key: Uint8Array | undefined;
    try {
      key = await this.#converse(place.domain, signal, (session) => session.keyOf(place.account, place.domain));
    } finally {
      this.#keys.set(place, key); // a server that is out of reach is not asked again at once either
    }
    return key;
  }

  /** One conversation with the first server of a domain that can be reached, if its key is the pinned one.   spec: cmtp 9 D21 */
  async #converse<T>(
    domain: string,
    signal: AbortSignal | undefined,
    work: (session: CmtpSession) => Promise<T>,
  ): Promise<T> {
    const connection = await this.#dial(domain);
    const cut = () => connection.destroy();
    const cancel = this.#post.clock.timer(ATTEMPT_TIME, cut);
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
    if ((this.#away.get(domain) ?? 0) > clock.now()) throw new NetError('unreachable', 'the server was away just now');
    const until = clock.now() + DIAL_TIME;
    let failure: unknown = new ClientError('undeliverable', 'the domain has no server');
    for (const to of await this.#routes(domain)) {
      const left = until - clock.now();
      if (left <= 0) break;
      try {
        return await dialPlain({ to, clock, timeout: Math.max(left / 2, LEAST_DIAL_TIME) });
      } catch (error) {
        failure = error;
        this.#away.set(domain, clock.now() + AWAY_TIME);
      }
    }
    throw failure;
  }

  /** The message as it goes on: its log has a line more, all else is as it came. */
  async *#onward(passing: Passing): AsyncGenerator<Uint8Array> {
    const log = traced(passing.log, this.#line());
    if (log === undefined) throw new Error('a message that was judged to go in a circle was accepted');
    yield formatHead({ ...passing, logLength: log.length });
    yield log;
    yield* passing.rest;
  }

  #line(): string {
    return `${Math.floor(this.#post.clock.now() / SECOND)} ${this.#home.domain} forwarded`;
  }

  #routes(domain: string) {
    return routesTo(domain, this.#settings, this.#post.resolver);
  }

  /** Who proved an account may send in its name alone; who is in the operator's list may hand on anything. */
  #isPermitted({ account, address }: Asker, from: Place | undefined): boolean {
    if (address !== undefined && this.#mayAsk(address)) return true;
    if (account === undefined) return false;
    if (from === undefined) return true;
    return from.account === account && sameDomain(from.domain, this.#home.domain);
  }
}

function inWords(reason: string | undefined): string {
  switch (reason) {
    case 'undeliverable':
      return 'The server there knows no such account, or takes no mail for it.';
    case 'refused':
      return 'The server there takes no such message: it may be too large.';
    case 'changed-key':
      return 'The server there shows another key than before, and nobody has confirmed it.';
    default:
      return 'The server there could not be reached, or would not take it, for too long.';
  }
}

/** Keys of people elsewhere; that somebody has none is remembered as well, for a shorter time.   spec: cmtp 9 D9 */
class KeyMemory {
  readonly #clock: Clock;
  readonly #known = new Recent<string, { readonly key: Uint8Array | undefined; readonly until: number }>(MAX_KEYS);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get(place: Place) {
    const known = this.#known.get(nameOf(place));
    return known !== undefined && known.until > this.#clock.now() ? known : undefined;
  }

  set(place: Place, key: Uint8Array | undefined): void {
    const until = this.#clock.now() + (key === undefined ? NO_KEY_TIME : KEY_TIME);
    this.#known.set(nameOf(place), { key, until });
  }
}

function nameOf({ account, domain }: Place): string {
  return `${domain.toLowerCase()}\0${account}`;
}
