// Mail for other domains: taken in and made durable, carried when the other side can be reached, and sent back as a notice when it
// cannot.   spec: immp 2.4, 2.8

import type { PrivateKey } from 'openpgp';
import { codeOf, messageOf } from '../../base/errors.ts';
import { HOUR, MINUTE } from '../../base/time.ts';
import { type Attempt, Outbound } from '../../post/outbound.ts';
import type { Post } from '../../post/post.ts';
import type { Job } from '../../store/store.ts';
import { deliver, type OutgoingMessage } from '../client/deliver.ts';
import { ClientError } from '../client/errors.ts';
import { isTemporary, Refusal } from '../codes.ts';
import { accept, envelopeOf } from '../mail/accept.ts';
import type { Delivery } from '../mail/delivery.ts';
import { ENVELOPE_NAME, ENVELOPE_TYPE } from '../mail/envelope-part.ts';
import type { Carrier, Room } from '../room.ts';
import { spooled } from '../spool.ts';
import { formatImid, type Imid, imid } from '../wire/imid.ts';
import { bounceOf, readerOf, readReport } from './bounce.ts';
import { DomainKeys } from './domain-keys.ts';
import { FarError } from './errors.ts';
import { FarServers, TALK_TIME } from './far-servers.ts';
import { HandedOn } from './handed-on.ts';
import { onward, type SealingKeys, sealed } from './onward.ts';
import { openSealed, type SealedArrival } from './open-sealed.ts';
import { OwnKey } from './own-key.ts';
import { type MailJob, QUEUE, Queue, readJob, type Waiting, writeJob } from './queue.ts';
import { SEALED_NAME, SEALED_TYPE, withStations } from './sealed.ts';
import type { Stations } from './trace.ts';
import { warnOfKey } from './warning.ts';

/** spec: immp 2.4 */
const RETRY_WAITS = [5 * MINUTE, 15 * MINUTE, HOUR, 4 * HOUR, 8 * HOUR];
/** Longer than a conversation may take: nobody else tries meanwhile. */
const LEASE = TALK_TIME + 15 * MINUTE;

/** Messages that are under way at once. */
const CONCURRENCY = 32;
/** Messages of one domain take turns; one more may get itself ready meanwhile. */
const OF_ONE_DOMAIN = 2;

export class Federation implements Carrier {
  readonly far: FarServers;
  readonly #room: Room;
  readonly #queue: Queue;
  readonly #handedOn: HandedOn;
  readonly #own: OwnKey;
  readonly #keys: DomainKeys;
  readonly #outbound: Outbound;
  readonly #counted: ReturnType<Post['metrics']['counter']>;

  private constructor(room: Room) {
    const { post } = room;
    this.#room = room;
    this.#queue = new Queue(post);
    this.#handedOn = new HandedOn(post);
    this.far = new FarServers(room, (domain, pinned, shown) => warnOfKey(room, 'immp', domain, pinned, shown));
    this.#own = new OwnKey(room.folder);
    this.#keys = new DomainKeys(room, this.far);
    const about = 'IMMP messages for other domains, by what became of them';
    this.#counted = post.metrics.counter('postern_immp_forwarded_total', about, ['outcome']);
    this.#outbound = new Outbound(post, {
      queue: QUEUE,
      lease: LEASE,
      concurrency: CONCURRENCY,
      lanes: { of: (job) => room.nextTo(domainOf(readJob(job.body))), places: OF_ONE_DOMAIN },
      schedule: {
        waits: RETRY_WAITS,
        get patience() {
          return room.settings.queue_time;
        },
      },
      attempt: (job, signal) => this.#attempt(job, signal),
      giveUp: (job, reason) => this.#giveUp(job, reason),
    });
  }

  /** Takes up what waits, and goes on carrying it until `close`. */
  static async open(room: Room): Promise<Federation> {
    const federation = new Federation(room);
    room.carrier = federation;
    room.far = federation.far;
    await federation.use();
    for await (const jobs of federation.#queue.jobs()) {
      await Promise.all(jobs.map((job) => federation.#outbound.takeUp(job.message, writeJob(job))));
    }
    federation.#outbound.start();
    return federation;
  }

  /** Takes the settings that the room has now. */
  async use(): Promise<void> {
    await this.#queue.prepare(this.#room.settings.queue_size);
  }

  async close(grace: number): Promise<void> {
    await this.#outbound.stop(grace);
    this.far.close();
  }

  /**
   * Resolves when the message is durable here. What comes twice goes on twice, and the server that stores it sees that it is one.
   * Throws Refusal 451 when there is no room.
   */
  async carry(delivery: Delivery): Promise<void> {
    const { to, sender, importance, secure, parts } = delivery;
    const envelope = envelopeOf(this.#room, { ...delivery, via: this.#withUs(delivery.via) });
    await this.#take(await this.#queue.keep({ to: formatImid(to), sender, importance, secure }, envelope, parts));
  }

  async takeSealed(arrival: SealedArrival): Promise<'delivered' | 'queued'> {
    const { destination, origin } = arrival.outer;
    if (destination === this.#room.domain) {
      const keys = { own: await this.#ownKey(), domains: this.#keys };
      const delivery = await openSealed(this.#room, arrival, keys);
      await this.#acceptOpened(delivery, arrival).finally(() =>
        Promise.all(delivery.parts.map(({ data }) => data.discard())),
      );
      return 'delivered';
    }
    const via = this.#withUs(arrival.via);
    const { importance, secure } = arrival;
    const envelope = {
      ...{ uuid: arrival.id, from: null, origin, to: destination, received: this.#room.timestamp() },
      'received-via': via,
    };
    const outer = spooled(withStations(arrival.envelope, via));
    const parts = [
      { class: 'attachment', type: ENVELOPE_TYPE, name: ENVELOPE_NAME, data: outer },
      { class: 'content', type: SEALED_TYPE, name: SEALED_NAME, data: arrival.sealed },
    ] as const;
    await this.#take(await this.#queue.keep({ to: destination, importance, secure }, envelope, parts));
    return 'queued';
  }

  async takeNotice(notice: Delivery, authority: string): Promise<void> {
    const report = await readReport(notice);
    const readers =
      report && authority.startsWith('@')
        ? await this.#handedOn.find(report.id, report.recipient, authority.slice(1))
        : [];
    if (report === undefined || readers.length === 0) throw new Refusal('450');
    const { domain } = this.#room;
    for (const { to, sender } of readers) {
      // A server that sees domains alone cannot say which of several readers it was.
      const recipient = readers.length > 1 ? report.recipient : to;
      const told = bounceOf({ ...report, recipient, subject: undefined }, sender, domain);
      if (told !== undefined) await accept(this.#room, told, `mailer-daemon@${domain}`);
    }
  }

  async ownKey(): Promise<string> {
    return (await this.#ownKey()).toPublic().armor();
  }

  async keyElsewhere(domain: string, of: Imid | string): Promise<string | undefined> {
    return this.#keys.ask(domain, of).catch((cause) => {
      throw new Refusal('451', { cause });
    });
  }

  /**
   * A server on the way cannot tell the sender what became of a message that it cannot read, so this one does; the origin itself
   * hears it in the answer.
   */
  async #acceptOpened(delivery: Delivery, { outer, peer }: SealedArrival): Promise<void> {
    try {
      await accept(this.#room, delivery, `@${outer.origin}`);
    } catch (error) {
      const final = error instanceof Refusal && !isTemporary(error.code);
      const reader = readerOf(delivery.from, outer.origin);
      if (final && peer !== outer.origin && reader !== undefined) {
        const { id, said } = delivery;
        const { code, message: text } = error;
        const failure = { id, recipient: formatImid(delivery.to), code, text, subject: said.subject };
        const notice = bounceOf(failure, reader, this.#room.domain);
        if (notice) await this.carry(notice);
      }
      throw error;
    }
  }

  /** Each hop says that it was one.   spec: immp 2.8 */
  #withUs(via: Stations): Stations {
    return [...via, { domain: this.#room.domain, timestamp: this.#room.timestamp() }];
  }

  #ownKey(): Promise<PrivateKey> {
    return this.#own.get(this.#room.domain, this.#room.post.clock.now());
  }

  async #take(job: MailJob | undefined): Promise<void> {
    if (job === undefined) throw new Refusal('451', { text: 'Temporary failure: no room for mail to other domains' });
    await this.#outbound.push(job.message, writeJob(job));
    this.#counted({ outcome: 'accepted' });
  }

  async #attempt(job: Job, signal: AbortSignal): Promise<Attempt> {
    const what = readJob(job.body);
    try {
      await this.#carryOn(what, signal);
      return { fate: 'done' };
    } catch (error) {
      if (signal.aborted) throw error;
      const failure = failureOf(error);
      this.#room.post.log.info('immp.forward-failed', { attempts: job.attempts + 1, code: failure.code });
      if (failure.final) return { fate: 'refused', reason: `${failure.code} ${failure.text}` };
      this.#counted({ outcome: 'put-off' });
      return { fate: 'later', body: writeJob({ ...what, failure }) };
    }
  }

  async #carryOn(job: MailJob, signal: AbortSignal): Promise<void> {
    const waiting = await this.#queue.open(job);
    if (waiting === undefined) return; // a crash came between dropping the message and finishing its job
    const to = imid.read(job.to);
    const domain = domainOf(job);
    const next = this.#room.nextTo(domain);
    const send = async (message: OutgoingMessage) => {
      const options = { secure: job.secure, signal };
      const sent = await this.far.converse(next, (session) => deliver(session, message), options);
      this.#counted({ outcome: sent.state === 'queued' ? 'handed-on' : 'delivered' });
      if (sent.state !== 'queued' || job.sender === undefined) return;
      await this.#handedOn.note(sent.id, { to: job.to, sender: job.sender, heard: [next, domain] });
    };
    const { seal } = this.#room.settings;
    const ours = waiting.head.envelope.origin === this.#room.domain; // nobody else's mail is signed by us
    if (ours && (await this.#overXmpp(job, waiting, domain, signal))) return this.#queue.drop(job);
    if (to !== undefined && ours && (seal === 'always' || (seal === 'routes' && next !== domain))) {
      const { message, spooled } = await sealed(waiting, job, await this.#sealingKeys(domain, signal));
      await send(message).finally(() => spooled.discard());
    } else {
      await send(onward(waiting, job));
    }
    await this.#queue.drop(job);
  }

  /** True when the other domain has it; false when it has to go over TCP.   spec: immp 2.12 */
  async #overXmpp(job: MailJob, waiting: Waiting, domain: string, signal: AbortSignal): Promise<boolean> {
    const { xmpp } = this.#room;
    // What is +SECURE goes only where the server's key is seen.
    if (job.secure || imid.read(job.to) === undefined || !xmpp?.reaches(domain)) return false;
    const { message, spooled } = await sealed(waiting, job, await this.#sealingKeys(domain, signal));
    const sent = await xmpp.send(domain, message, signal).finally(() => spooled.discard());
    if (sent) this.#counted({ outcome: 'xmpp' });
    return sent;
  }

  async #sealingKeys(domain: string, signal: AbortSignal): Promise<SealingKeys> {
    const key = await this.#keys.of(domain, signal);
    if (key === undefined) throw new FarError('no-key', `${domain} shows no key to seal mail to`);
    const { post, spool } = this.#room;
    return { own: await this.#ownKey(), key, now: post.clock.now(), place: spool };
  }

  async #giveUp(job: Job, reason: string): Promise<void> {
    const what = readJob(job.body);
    const { failure } = what;
    const [code = '451', ...text] = (
      reason === 'expired' && failure ? `${failure.code} ${failure.text}` : reason
    ).split(' ');
    this.#room.post.log.info('immp.given-up', { code, expired: reason === 'expired' });
    this.#counted({ outcome: 'given-up' });
    // Of a sealed message that its destination refused, that has told the sender: it alone can read who he is.
    if (reason === 'expired' || imid.read(what.to) !== undefined) await this.#tell(what, code, text.join(' '));
    await this.#queue.drop(what);
  }

  /** The sender's account here, even if nobody else knows who sent it; or whoever can tell the sender of what was handed on to us. */
  async #tell(job: MailJob, code: string, text: string): Promise<void> {
    const envelope = (await this.#queue.open(job))?.head.envelope;
    if (envelope === undefined) return;
    const reader = job.sender ?? readerOf(envelope.from, envelope.origin);
    if (reader === undefined) return;
    const failure = { id: envelope.uuid, recipient: job.to, code, text, subject: envelope.subject };
    const { domain } = this.#room;
    const notice = bounceOf(failure, reader, domain);
    if (notice === undefined) return;
    try {
      if (notice.to.domain.toLowerCase() !== domain) await this.carry(notice);
      else await accept(this.#room, notice, `mailer-daemon@${domain}`);
    } catch (error) {
      if (!(error instanceof Refusal) || error.code === '700') throw error;
      this.#counted({ outcome: 'notice-lost' });
    }
  }
}

/** Where it is going in the end. */
function domainOf({ to }: MailJob): string {
  return (imid.read(to)?.domain ?? to).toLowerCase();
}

interface Failed {
  readonly code: string;
  readonly text: string;
  /** No later attempt can do better. */
  readonly final: boolean;
}

/** In the codes of IMMP, which senders' programs know. */
function failureOf(error: unknown): Failed {
  if (error instanceof ClientError && error.reply !== undefined) {
    const { code, text } = error.reply;
    // That they do not believe who we are says nothing of the message, and may be mended.
    return { code, text, final: !isTemporary(code) && code !== '410' && code !== '711' };
  }
  if (error instanceof FarError) {
    if (error.code === 'nowhere') return { code: '450', text: messageOf(error), final: true };
    return { code: '421', text: messageOf(error), final: false };
  }
  return { code: '451', text: `${messageOf(error)} (${codeOf(error) ?? 'unknown'})`, final: false };
}
