// Mail for other domains: taken in and made durable, carried when the other side can be reached, and sent back as a notice when
// it cannot; and the keys of people there, for those who may ask.   spec: cmtp 6, 9 D9, D12

import { toHex } from '../../base/bytes.ts';
import { codeOf } from '../../base/errors.ts';
import { HOUR, MINUTE, SECOND } from '../../base/time.ts';
import { type Attempt, Outbound } from '../../post/outbound.ts';
import type { Post } from '../../post/post.ts';
import type { Job } from '../../store/store.ts';
import { formatHead } from '../wire/message.ts';
import { type Place, sameDomain } from '../wire/names.ts';
import { FarKeys } from './far-keys.ts';
import { FarServers } from './far-servers.ts';
import { writeNotice } from './notice.ts';
import type { Asker, Forward, HomeServer, Passing, Verdict } from './passing.ts';
import { type BounceJob, type ForwardJob, type MessageJob, QUEUE, readJob, WaitingMail, writeJob } from './queue.ts';
import { type ForwardSettings, rangesHold } from './settings.ts';
import { traced } from './trace.ts';

const RETRY_WAITS = [MINUTE, 5 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR];
/** Longer than a conversation may take: nobody else tries meanwhile. */
const LEASE = HOUR;
/** Keys that are asked for at once elsewhere. */
const MAX_ASKING = 32;

export class Forwarding implements Forward {
  readonly #post: Post;
  readonly #home: HomeServer;
  readonly #waiting: WaitingMail;
  readonly #outbound: Outbound;
  readonly #servers: FarServers;
  readonly #keys: FarKeys;
  readonly #counted: ReturnType<Post['metrics']['counter']>;
  #asking = 0;
  #settings: ForwardSettings;
  #mayAsk: (address: string) => boolean;

  private constructor(post: Post, home: HomeServer, settings: ForwardSettings) {
    this.#post = post;
    this.#home = home;
    this.#settings = settings;
    this.#mayAsk = rangesHold(settings.forward_from);
    this.#waiting = new WaitingMail(post);
    this.#servers = new FarServers(post, () => this.#settings);
    this.#keys = new FarKeys(post.clock, this.#servers);
    const about = 'CMTP messages for other domains, by what became of them';
    this.#counted = post.metrics.counter('postern_cmtp_forwarded_total', about, ['outcome']);
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
      await Promise.all(jobs.map((job) => forwarding.#outbound.takeUp(job.message, writeJob(job))));
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
      return (await this.#servers.routes(to.domain)).length > 0 ? 'ok' : 'no-host';
    } catch (error) {
      if (codeOf(error) === 'dns') return 'ok'; // nobody can say now: it waits
      throw error;
    }
  }

  async accept(passing: Passing): Promise<'queued' | 'full'> {
    const job = await this.#waiting.keep(passing, this.#onward(passing), this.#post.clock.now());
    if (job === undefined) return 'full';
    await this.#outbound.push(job.message, writeJob(job));
    this.#counted({ outcome: 'accepted' });
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
      return await this.#keys.get(place);
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
      this.#counted({ outcome: 'put-off' });
      return { fate: 'later', body: writeJob({ ...what, failure }) };
    }
  }

  async #carry(job: MessageJob, signal: AbortSignal): Promise<Attempt> {
    const octets = await this.#waiting.read(job);
    if (octets === undefined) return { fate: 'done' }; // a crash came between dropping the message and finishing its job
    try {
      const outgoing = { attachments: job.attachments, chunks: octets.chunks };
      const sent = await this.#servers.converse(job.to.domain, signal, (session) => session.mail(outgoing));
      this.#counted({ outcome: sent === 'stored' ? 'delivered' : 'unconfirmed' });
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
    const key = isLocal ? await this.#home.keyOf(to.account) : await this.#keys.get(to, signal);
    if (key === undefined) return { fate: 'done' }; // nobody to tell
    const { clock, random } = this.#post;
    const message = writeNotice({ to, about, reason, domain, key, now: clock.now(), random });
    if (isLocal) {
      if (!(await this.#home.deliver(to.account, message))) this.#counted({ outcome: 'notice-lost' });
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
    this.#counted({ outcome: what.kind === 'bounce' ? 'notice-lost' : 'given-up' });
    if (what.kind === 'bounce') return;
    if (what.from.account !== '') {
      const words = inWords(reason === 'expired' ? what.failure : reason);
      const bounce: ForwardJob = { kind: 'bounce', to: what.from, about: what.to, reason: words };
      await this.#outbound.push(`bounce-${job.id}`, writeJob(bounce));
    }
    await this.#waiting.drop(what);
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
