// What the gateway decides about mail that comes in: who may send, for whom, how often; and, when a message is here, its way into
// the hands of whoever owns its addresses. It knows nothing of sockets: `server.ts` asks it, step by step.

import { createHash } from 'node:crypto';
import { toHex } from '../../base/bytes.ts';
import { messageOf } from '../../base/errors.ts';
import { Slots } from '../../base/slots.ts';
import { mailDate } from '../../mail/write-mime.ts';
import { sourceOf } from '../../net/source.ts';
import { KeyedBuckets } from '../../post/keyed-buckets.ts';
import type { Acceptance } from '../../post/local-delivery.ts';
import type { Post } from '../../post/post.ts';
import { formatMailAddress, parseMailAddress, sameAddress } from '../addresses.ts';
import { type Field, fromAddress, MAX_HEADER, type SplitMessage, splitMessage } from '../header.ts';
import type { Carrier } from '../out/carrier.ts';
import type { Wishes } from '../out/wishes.ts';
import { domainsOf, type SmtpSettings } from '../settings.ts';
import { checkSender, type Peer } from './check.ts';
import { REFUSED, Refusal } from './reply.ts';
import type { Spooled } from './spool.ts';
import { goesInCircles, receivedField, withoutClaims } from './trace.ts';

/** Long messages that are whole in memory at once, while they are checked and handed over. */
const LONG_AT_ONCE = 4;
/** Recipients of one message that are served at once. */
const ABREAST = 16;
const HERE_FOR_ALL = new Set(['postmaster', 'abuse']); // RFC 5321 4.5.1, RFC 2142

export interface DeskParts {
  readonly post: Post;
  readonly hostname: string;
  readonly settings: SmtpSettings;
  readonly carrier: Carrier;
  /** Told of each message: `accepted`, `refused` or `later`. */
  count(outcome: string): void;
}

export interface Envelope {
  readonly from: string;
  readonly to: readonly string[];
  readonly peer: Peer;
  /** Who logged in. */
  readonly user: string | undefined;
  /** `ESMTPS` and the like. */
  readonly protocol: string;
  /** What a user wants to hear of it. */
  readonly wishes: Wishes;
}

export class Desk {
  readonly #parts: DeskParts;
  readonly #domains: ReadonlySet<string>;
  readonly #mail: KeyedBuckets;
  readonly #guesses: KeyedBuckets;
  readonly #passwords: KeyedBuckets;
  readonly #long = new Slots(LONG_AT_ONCE);

  constructor(parts: DeskParts) {
    const { post, settings, hostname } = parts;
    this.#parts = parts;
    this.#domains = new Set(domainsOf(settings, hostname));
    this.#mail = new KeyedBuckets(settings.mail_rate, post.clock);
    this.#guesses = new KeyedBuckets(settings.unknown_rate, post.clock);
    this.#passwords = new KeyedBuckets(settings.password_rate, post.clock);
  }

  /** The user's address, when the password is his. Throws Refusal. */
  async logIn(name: string, password: string, peer: Peer): Promise<string> {
    const address = parseMailAddress(name);
    const user = address === undefined ? '' : formatMailAddress(address);
    const allowed = [`from ${sourceOf(peer.address)}`, `for ${user.toLowerCase()}`].map((key) =>
      this.#passwords.take(key),
    );
    if (allowed.includes(false)) throw REFUSED.tooManyPasswords();
    if (!(await this.#parts.post.local.checkPassword(user, password))) throw REFUSED.password();
    return user;
  }

  /** MAIL FROM. Throws Refusal. */
  async sender(from: string, user: string | undefined, peer: Peer): Promise<void> {
    if (from !== '' && parseMailAddress(from) === undefined) throw REFUSED.sender();
    if (user !== undefined && !sameAddress(from, user)) throw REFUSED.otherSender();
    if (!this.#mail.take(user === undefined ? sourceOf(peer.address) : `user ${user.toLowerCase()}`)) {
      throw REFUSED.tooOften();
    }
  }

  /** RCPT TO: where mail for `to` goes. Throws Refusal. */
  async recipient(to: string, user: string | undefined, peer: Peer): Promise<string> {
    const { post, carrier } = this.#parts;
    const address = parseMailAddress(to.includes('@') ? to : `${to}@${[...this.#domains][0]}`);
    if (address === undefined) throw REFUSED.address();
    const isOurs = this.#domains.has(address.domain);
    const recipient = this.#ownersOwn(address.local, isOurs) ?? formatMailAddress(address);
    if (await post.local.owns(recipient)) return recipient;
    if (user !== undefined && !isOurs) {
      if (await carrier.isSuppressed(recipient)) throw REFUSED.suppressed();
      return recipient;
    }
    if (!this.#guesses.take(sourceOf(peer.address))) throw REFUSED.tooManyGuesses();
    throw isOurs ? REFUSED.unknown() : REFUSED.elsewhere();
  }

  /**
   * Resolves when every recipient's part is durable: then, and only then, may the answer be 250. Throws Refusal, whatever happens.
   */
  async accept(spooled: Spooled | undefined, envelope: Envelope): Promise<void> {
    try {
      if (spooled === undefined) throw REFUSED.tooLong(this.#parts.settings.message_size);
      if (!spooled.strict) throw REFUSED.lineEnds();
      if (spooled.long) await this.#long.take();
      try {
        await this.#handOver(await spooled.read(), spooled.sha256, envelope);
      } finally {
        if (spooled.long) this.#long.give();
      }
      this.#parts.count('accepted');
    } catch (error) {
      const refusal = error instanceof Refusal ? error : REFUSED.trouble();
      this.#parts.count(refusal.responseCode < 500 ? 'later' : 'refused');
      if (!(error instanceof Refusal)) this.#parts.post.log.error('smtp.accept-failed', { reason: messageOf(error) });
      throw refusal;
    } finally {
      await spooled?.discard();
    }
  }

  async #handOver(message: Buffer, sha256: Buffer, envelope: Envelope): Promise<void> {
    const split = splitMessage(message);
    if (message.length - split.rest.length >= MAX_HEADER) throw REFUSED.header();
    if (goesInCircles(split.fields)) throw REFUSED.circles();
    if (envelope.user === undefined) await this.#deliver(message, split, sha256, envelope);
    else await this.#submit(split, envelope, envelope.user);
  }

  /** From another server, for people here. */
  async #deliver(message: Buffer, split: SplitMessage, sha256: Buffer, envelope: Envelope): Promise<void> {
    const { post, hostname, settings } = this.#parts;
    const { from, to, peer, protocol } = envelope;
    const checked = settings.check_senders
      ? await checkSender(message, from, peer, hostname, post.resolver)
      : { fields: Buffer.alloc(0), reject: false };
    if (checked.reject && settings.dmarc === 'obey') throw REFUSED.dmarc();
    const received = receivedField({ hostname, peer, protocol, now: post.clock.now() }, post.random);
    const kept = withoutClaims(split.fields, hostname);
    const whole = [checked.fields, received, ...kept.map(({ octets }) => octets), split.rest];
    const octets = Buffer.concat(whole);
    const named = split.fields.some(({ name }) => name === 'message-id');
    const outcomes = await this.#each(to, (recipient) => {
      // A server that missed our 250 sends the same octets again. Without a Message-ID two that are alike may be two.
      const once = named ? { once: digest(sha256, from, recipient) } : {};
      return post.local.deliver({ to: recipient, from, message: octets, via: 'smtp', ...once });
    });
    await this.#answer(outcomes, octets, envelope);
  }

  /** One answer for all recipients. Who has not got it although others have is told about by a notice, the only way that is left. */
  async #answer(outcomes: readonly Outcome[], octets: Buffer, { from }: Envelope): Promise<void> {
    const failed = outcomes.filter(({ acceptance }) => acceptance !== 'stored' && acceptance !== 'duplicate');
    if (failed.length === 0) return;
    // It comes again, and those who have it do not get it twice.
    if (failed.some(({ acceptance }) => acceptance === 'failed')) throw REFUSED.trouble();
    if (failed.length === outcomes.length) throw refusalFor(failed[0]?.acceptance);
    // Who is told is not asked to try again: what would pass for now is over for this message.
    const outcome = failed.map(({ to, acceptance }) => ({
      to,
      action: 'failed' as const,
      words: refusalFor(acceptance).message.replace(/^4/, '5'),
    }));
    await this.#parts.carrier.tell(from, octets, outcome);
  }

  async #each(
    to: readonly string[],
    deliver: (to: string) => Promise<Acceptance>,
  ): Promise<{ to: string; acceptance: Outcome['acceptance'] }[]> {
    const outcomes: { to: string; acceptance: Outcome['acceptance'] }[] = [];
    for (let at = 0; at < to.length; at += ABREAST) {
      const some = to.slice(at, at + ABREAST).map(async (recipient) => {
        const acceptance = await deliver(recipient).catch((error: unknown) => {
          this.#parts.post.log.error('smtp.deliver-failed', { reason: messageOf(error) });
          return 'failed' as const;
        });
        return { to: recipient, acceptance };
      });
      outcomes.push(...(await Promise.all(some)));
    }
    return outcomes;
  }

  /** From a user, for anybody. The queue has it then, also what stays here. RFC 6409 */
  async #submit(split: SplitMessage, { from, to, protocol, wishes }: Envelope, user: string): Promise<void> {
    const { post, hostname, carrier } = this.#parts;
    if (!sameAddress(fromAddress(split.fields) ?? '', user)) throw REFUSED.otherFrom();
    const now = post.clock.now();
    const received = receivedField({ hostname, peer: undefined, protocol, now }, post.random);
    const missing = missingFields(split.fields, now, () => `${toHex(post.random.bytes(16))}@${hostname}`);
    const octets = Buffer.concat([received, ...split.fields.map((field) => field.octets), missing, split.rest]);
    await carrier.send({ from, to, message: octets }, wishes);
  }

  /** Where mail for everybody's addresses goes. */
  #ownersOwn(local: string, isOurs: boolean): string | undefined {
    const { postmaster } = this.#parts.settings;
    return isOurs && postmaster !== '' && HERE_FOR_ALL.has(local.toLowerCase()) ? postmaster : undefined;
  }
}

interface Outcome {
  readonly to: string;
  /** `failed`: it may go well the next time. */
  readonly acceptance: Acceptance | 'failed';
}

function refusalFor(acceptance: Outcome['acceptance'] | undefined): Refusal {
  switch (acceptance) {
    case 'unknown':
      return REFUSED.unknown();
    case 'full':
      return REFUSED.full();
    case 'too-large':
      return REFUSED.tooLarge();
    default:
      return REFUSED.notWanted();
  }
}

function digest(...parts: readonly (Uint8Array | string)[]): Buffer {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part).update('\0');
  return hash.digest();
}

/** Date and Message-ID, where a mail program wrote none. RFC 6409 8.1, 8.3 */
function missingFields(fields: readonly Field[], now: number, makeId: () => string): Buffer {
  const has = (wanted: string) => fields.some(({ name }) => name === wanted);
  const date = has('date') ? '' : `Date: ${mailDate(now)}\r\n`;
  const id = has('message-id') ? '' : `Message-ID: <${makeId()}>\r\n`;
  return Buffer.from(date + id);
}
