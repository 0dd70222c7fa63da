// What all conversations at the SmallMail counter share: the post, the settings in force, the rates, and what is worth remembering.

import { Recent } from '../base/recent.ts';
import { HOUR, MINUTE, SECOND } from '../base/time.ts';
import { type Rate, TokenBucket } from '../base/token-bucket.ts';
import { KeyedBuckets } from '../post/keyed-buckets.ts';
import type { Post } from '../post/post.ts';
import type { Quota } from '../store/store.ts';
import { CERTIFICATE, idOf } from './mailbox.ts';
import { readCertificate } from './openpgp/certificate.ts';
import { KeyError } from './openpgp/errors.ts';
import type { SmallMailSettings } from './settings.ts';

const RECIPIENTS_REMEMBERED = 10_000;
/** What is known of a mailbox that mail comes in for: looked up once a second, not for each letter. */
const RECIPIENT_FRESH = SECOND;
const KEYS_FRESH = HOUR; // a key may expire
const USAGE_FRESH = MINUTE;

/** The buckets of spec: smallmail 2.10. */
interface Rates {
  readonly create: TokenBucket;
  readonly createWithWork: TokenBucket;
  readonly toMailbox: KeyedBuckets;
  readonly toMailboxWithWork: KeyedBuckets;
  /** Made anew for each conversation. */
  readonly send: Rate;
}

export interface Recipient {
  readonly used: Readonly<Quota>;
  readonly quota: Quota;
  /** Ids of the keys that mail may be encrypted to; none when the mailbox's key has expired or was revoked. */
  readonly keys: readonly string[];
}

interface Remembered extends Recipient {
  readonly used: { bytes: number; messages: number };
  readonly asked: number;
  readonly keysRead: number;
}

export class Room {
  readonly post: Post;
  /** A certificate of nobody, so that asking for an unknown mailbox costs what asking for a known one does. */
  readonly decoy: Uint8Array;
  readonly #counted: ReturnType<Post['metrics']['counter']>;
  readonly #recipients = new Recent<string, Remembered>(RECIPIENTS_REMEMBERED);
  #settings: SmallMailSettings;
  #rates: Rates;
  #held = { bytes: 0, asked: Number.NEGATIVE_INFINITY };

  constructor(post: Post, settings: SmallMailSettings, decoy: Uint8Array) {
    this.post = post;
    this.decoy = decoy;
    this.#settings = settings;
    this.#rates = makeRates(post, settings);
    this.#counted = post.metrics.counter('postern_smallmail_commands_total', 'SmallMail commands by outcome', [
      'word',
      'outcome',
    ]);
  }

  get settings(): SmallMailSettings {
    return this.#settings;
  }

  get rates(): Rates {
    return this.#rates;
  }

  /** New settings, in force for each conversation from its next command on. The buckets start afresh. */
  use(settings: SmallMailSettings): void {
    this.#settings = settings;
    this.#rates = makeRates(this.post, settings);
  }

  /** Counts a finished command by its word and what became of it. */
  count(word: string, outcome: string): void {
    this.#counted({ word, outcome });
  }

  /** True when the store holds so much that nothing more should come in. The figure is at most a minute old. */
  async houseIsFull(): Promise<boolean> {
    const now = this.post.clock.now();
    if (now - this.#held.asked >= USAGE_FRESH)
      this.#held = { bytes: (await this.post.store.usage()).bytes, asked: now };
    return this.#held.bytes >= this.#settings.total_size;
  }

  /** The mailbox that mail is to go to, as of at most a second ago; undefined when there is none. */
  async recipient(mailbox: string): Promise<Recipient | undefined> {
    const now = this.post.clock.now();
    const known = this.#recipients.get(mailbox);
    if (known !== undefined && now - known.asked < RECIPIENT_FRESH) return known;
    const found = await this.post.store.mailboxes.get(idOf(mailbox));
    if (found === undefined) return undefined;
    const keysKnown = known !== undefined && now - known.keysRead < KEYS_FRESH;
    const recipient: Remembered = {
      used: { ...found.used },
      quota: found.quota,
      asked: now,
      keys: keysKnown ? known.keys : await this.#encryptionKeys(mailbox, now),
      keysRead: keysKnown ? known.keysRead : now,
    };
    this.#recipients.set(mailbox, recipient);
    return recipient;
  }

  /** To be called when a mailbox has taken in a letter of `size` octets. */
  tookIn(mailbox: string, size: number): void {
    const used = this.#recipients.get(mailbox)?.used;
    if (used === undefined) return;
    used.bytes += size;
    used.messages += 1;
  }

  /** To be called when a mailbox is made, its certificate changes, or it has room again. */
  changed(mailbox: string): void {
    this.#recipients.delete(mailbox);
  }

  async #encryptionKeys(mailbox: string, now: number): Promise<readonly string[]> {
    const stored = await this.post.store.documents.get(idOf(mailbox), CERTIFICATE);
    return stored === undefined ? [] : usableKeys(stored.value, now);
  }
}

async function usableKeys(certificate: Uint8Array, now: number): Promise<readonly string[]> {
  try {
    return (await readCertificate(certificate, now)).encryptionKeyIds;
  } catch (error) {
    if (error instanceof KeyError) return [];
    throw error;
  }
}

function makeRates({ clock }: Post, settings: SmallMailSettings): Rates {
  return {
    create: new TokenBucket(settings.create_rate, clock),
    createWithWork: new TokenBucket(settings.create_rate_work, clock),
    toMailbox: new KeyedBuckets(settings.mailbox_rate, clock),
    toMailboxWithWork: new KeyedBuckets(settings.mailbox_rate_work, clock),
    send: settings.send_rate,
  };
}
