// The way out: takes mail in and makes it durable, has it carried to each domain when that can be reached, and writes to the sender
// when it cannot.

import { messageOf, PosternError } from '../../base/errors.ts';
import { HOUR, MINUTE } from '../../base/time.ts';
import { type Attempt, Outbound } from '../../post/outbound.ts';
import type { Departure, MailCarrier } from '../../post/outgoing-mail.ts';
import type { Post } from '../../post/post.ts';
import { retryWait } from '../../post/retry.ts';
import type { Job } from '../../store/store.ts';
import { formatMailAddress, parseMailAddress } from '../addresses.ts';
import { MAX_HEADER, withCrLf } from '../header.ts';
import type { RelayHost } from '../relay.ts';
import { domainsOf, type SmtpSettings } from '../settings.ts';
import { Couriers, MAX_ABREAST, type World } from './couriers.ts';
import { type DkimKey, signMail } from './dkim.ts';
import { type Told, writeNotice } from './notice.ts';
import { Suppression } from './suppression.ts';
import { type Fate, type Progress, type Waiting, WaitingMail } from './waiting.ts';
import { NO_WISHES, type Occasion, type Wishes, wantsToHear, wishesFor } from './wishes.ts';

export const QUEUE = 'smtp/outgoing';
const RETRY_WAITS = [MINUTE, 5 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR];
/** Longer than an attempt may take, all of its servers together: nobody else tries meanwhile. */
const LEASE = 12 * HOUR;
/** Messages under way at once; each waits for a place at its domains and holds nothing meanwhile. */
const UNDER_WAY = 500;
const MAX_RECIPIENTS = 1000;
/** Octets of a message that may go back with a notice: its header at least. */
const MAX_RETURNED = MAX_HEADER;

export interface CarrierParts {
  readonly settings: SmtpSettings;
  /** What signs; made at the first mail, as it takes a while. */
  key(): Promise<DkimKey>;
  readonly relay: RelayHost | undefined;
}

export class Carrier implements MailCarrier {
  readonly #post: Post;
  readonly #world: World;
  readonly #waiting: WaitingMail;
  readonly #suppression: Suppression;
  readonly #outbound: Outbound;
  /** The ids that somebody works on: an operator who has one tried at once does not have it sent twice. */
  readonly #busy = new Set<string>();
  readonly #count: (outcome: string) => void;
  #parts: CarrierParts;
  #couriers: Couriers;

  private constructor(post: Post, world: World, parts: CarrierParts) {
    this.#post = post;
    this.#world = world;
    this.#parts = parts;
    this.#waiting = new WaitingMail(post);
    this.#suppression = new Suppression(post);
    this.#couriers = this.#makeCouriers();
    const count = post.metrics.counter('postern_smtp_out_total', 'Recipients of outgoing mail', ['outcome']);
    this.#count = (outcome) => count({ outcome });
    this.#outbound = new Outbound(post, {
      queue: QUEUE,
      lease: LEASE,
      concurrency: UNDER_WAY,
      schedule: this.#schedule,
      attempt: (job, signal) => this.#attempt(job, signal),
      giveUp: (job) => this.#giveUp(job.id),
    });
  }

  /** Takes up what waits, and goes on carrying it until `close`. */
  static async open(post: Post, world: World, parts: CarrierParts): Promise<Carrier> {
    const carrier = new Carrier(post, world, parts);
    await carrier.use(parts);
    for await (const { id } of carrier.#waiting.all()) await carrier.#outbound.takeUp(id, Buffer.alloc(0));
    carrier.#outbound.start();
    return carrier;
  }

  async use(parts: CarrierParts): Promise<void> {
    await this.#waiting.prepare(parts.settings.queue_size);
    this.#parts = parts;
    this.#couriers.close();
    this.#couriers = this.#makeCouriers();
  }

  async close(grace: number): Promise<void> {
    await this.#outbound.stop(grace);
    this.#couriers.close();
  }

  isSuppressed(address: string): Promise<boolean> {
    return this.#suppression.has(address);
  }

  /** Throws PosternError `refused` for what can never go, and `full` when there is no room now. */
  async send({ from, to, message, once }: Departure, wishes = NO_WISHES): Promise<void> {
    const { settings, key } = this.#parts;
    const recipients = [...new Set(to.map(canonical))];
    if (from !== '') canonical(from);
    if (recipients.length === 0 || recipients.length > MAX_RECIPIENTS) {
      throw new PosternError('refused', `mail goes to 1 to ${MAX_RECIPIENTS} recipients`);
    }
    const octets = withCrLf(message);
    if (octets.length > settings.message_size) {
      throw new PosternError('refused', `mail may have ${settings.message_size} octets`);
    }
    const now = this.#post.clock.now();
    const signed = await signMail(octets, await key(), domainsOf(settings, this.#world.hostname), now);
    const kept = await this.#waiting.keep({ from, to: recipients, wishes }, signed, now, once);
    if (kept === 'full') throw new PosternError('full', 'too much mail waits to be sent');
    if (kept !== 'duplicate') await this.#outbound.push(kept.id, Buffer.alloc(0));
  }

  /** Writes to a sender what became of his mail; nobody is told when the sender is nobody. Durable when this resolves. */
  async tell(sender: string, message: Buffer, told: readonly Told[], about?: Waiting): Promise<void> {
    if (sender === '' || told.length === 0) return;
    const { clock, random } = this.#post;
    const { hostname } = this.#world;
    const now = clock.now();
    const { since = now, wishes = NO_WISHES } = about ?? {};
    const until = since + this.#parts.settings.retry_time;
    const notice = writeNotice({ sender, hostname, message, told, wishes, since, now, until }, random);
    const once = about === undefined ? {} : { once: `notice ${told[0]?.action} ${about.id}` };
    await this.send({ from: '', to: [sender], message: notice, ...once });
  }

  get #schedule() {
    const patience = () => this.#parts.settings.retry_time;
    return {
      waits: RETRY_WAITS,
      get patience() {
        return patience();
      },
    };
  }

  #makeCouriers(): Couriers {
    const { settings, relay } = this.#parts;
    const [world, waiting, suppression] = [this.#world, this.#waiting, this.#suppression];
    const domains = domainsOf(settings, world.hostname);
    return new Couriers({ post: this.#post, world, settings, domains, relay, waiting, suppression });
  }

  async #attempt(job: Job, signal: AbortSignal): Promise<Attempt> {
    if (this.#busy.has(job.id)) return { fate: 'later' };
    this.#busy.add(job.id);
    try {
      return await this.#carry(job, signal);
    } finally {
      this.#busy.delete(job.id);
    }
  }

  async #carry(job: Job, signal: AbortSignal): Promise<Attempt> {
    const mail = await this.#waiting.find(job.id);
    if (mail === undefined) return { fate: 'done' }; // dropped, or a crash came between dropping it and finishing its job
    const before = await this.#waiting.progress(job.id);
    const fates: Record<string, Fate> = { ...before.fates };
    const progress: Progress = { ...before, attempts: before.attempts + 1, fates };
    const groups = inGroups(
      mail.to.filter((to) => (fates[to]?.state ?? 'waiting') === 'waiting'),
      mail.wishes,
    );
    let saved = Promise.resolve();
    const carried = await Promise.allSettled(
      groups.map(async ({ domain, to }) => {
        for (const [recipient, fate] of await this.#couriers.carry(mail, domain, to, signal)) {
          fates[recipient] = fate;
          this.#count(fate.state);
        }
        // At once, so that a crash while a slow domain is talked to sends nothing twice to a quick one.
        saved = saved.then(() => this.#waiting.note(mail.id, progress));
        await saved;
      }),
    );
    const broken = carried.find((result) => result.status === 'rejected');
    if (broken !== undefined) throw broken.reason;
    if (Object.values(fates).some(({ state }) => state === 'waiting')) {
      const wait = retryWait(this.#schedule, job.attempts + 1, this.#post.clock.now() - job.accepted);
      if (wait !== undefined) {
        await this.#warn(mail, progress, wait);
        return { fate: 'later' };
      }
      for (const [to, fate] of Object.entries(fates)) {
        if (fate.state === 'waiting') fates[to] = { ...fate, state: 'failed', words: `${fate.words} (given up)` };
      }
    }
    await this.#finish(mail, fates);
    return { fate: 'done' };
  }

  async #giveUp(id: string): Promise<void> {
    const mail = await this.#waiting.find(id);
    if (mail === undefined) return;
    const { fates } = await this.#waiting.progress(id);
    const given = mail.to.map((to): [string, Fate] => {
      const fate = fates[to] ?? { state: 'waiting', words: 'It could not be tried' };
      return [to, fate.state === 'waiting' ? { ...fate, state: 'failed' } : fate];
    });
    await this.#finish(mail, Object.fromEntries(given));
  }

  /** Every recipient has its fate: the sender is told of what he wants to hear, then the message goes. */
  async #finish(mail: Waiting, fates: Readonly<Record<string, Fate>>): Promise<void> {
    await this.#tellAbout(mail, fates, 'failed', 'FAILURE');
    await this.#tellAbout(mail, fates, 'delivered', 'SUCCESS');
    await this.#waiting.drop(mail.id);
  }

  /** Once for each message: before the next try the sender would have waited longer than he should without a word. */
  async #warn(mail: Waiting, progress: Progress, wait: number): Promise<void> {
    const { warn_after: patience } = this.#parts.settings;
    const next = this.#post.clock.now() + wait - mail.since;
    if (progress.warned || patience === 0 || next <= patience) return;
    await this.#tellAbout(mail, progress.fates, 'waiting', 'DELAY');
    await this.#waiting.note(mail.id, { ...progress, warned: true });
  }

  async #tellAbout(
    mail: Waiting,
    fates: Readonly<Record<string, Fate>>,
    state: Fate['state'],
    occasion: Occasion,
  ): Promise<void> {
    const { wishes } = mail;
    const told = Object.entries(fates)
      .filter(([to, fate]) => fate.state === state && !fate.tells && wantsToHear(wishes, to, occasion))
      .map(([to, fate]): Told => ({ to, ...fate, action: actionOf(fate) }));
    if (told.length === 0 || mail.from === '') return;
    const head: Buffer[] = [];
    const octets = await this.#waiting.octets(mail.id, Math.min(mail.size, MAX_RETURNED));
    for await (const chunk of octets?.chunks ?? []) head.push(chunk);
    try {
      const about = mail.size > MAX_RETURNED ? { ...mail, wishes: { ...wishes, ret: 'HDRS' as const } } : mail;
      await this.tell(mail.from, Buffer.concat(head), told, about);
    } catch (error) {
      if (!(error instanceof PosternError && error.code === 'refused')) throw error;
      this.#post.log.warn('smtp.notice-refused', { reason: messageOf(error) });
    }
  }
}

function actionOf({ state, server }: Fate): Told['action'] {
  if (state === 'delivered') return server === undefined ? 'delivered' : 'relayed';
  return state === 'failed' ? 'failed' : 'delayed';
}

function canonical(address: string): string {
  const parsed = parseMailAddress(address);
  if (parsed === undefined) throw new PosternError('refused', 'mail goes to plain addresses alone: name@domain');
  return formatMailAddress(parsed);
}

/** By domain and by what the sender wants to hear, which a server is told once for all; no more at once than any server takes. */
function inGroups(to: readonly string[], wishes: Wishes): { domain: string; to: string[] }[] {
  const groups: { domain: string; to: string[] }[] = [];
  const kindOf = (address: string) => JSON.stringify([domainOf(address), wishesFor(wishes, address)]);
  for (const members of Map.groupBy(to, kindOf).values()) {
    for (let at = 0; at < members.length; at += MAX_ABREAST)
      groups.push({ domain: domainOf(members[0] ?? ''), to: members.slice(at, at + MAX_ABREAST) });
  }
  return groups;
}

function domainOf(address: string): string {
  return address.slice(address.lastIndexOf('@') + 1);
}
