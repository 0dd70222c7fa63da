// What all conversations at the SmallMail counter share: the post, the settings in force, the rates, and what is worth remembering.

import { Recent } from '../base/recent.ts';
import { HOUR, MINUTE } from '../base/time.ts';
import { type Rate, TokenBucket } from '../base/token-bucket.ts';
import { KeyedBuckets } from '../post/keyed-buckets.ts';
import type { Post } from '../post/post.ts';
import { CERTIFICATE, idOf } from './mailbox.ts';
import { readCertificate } from './openpgp/certificate.ts';
import { KeyError } from './openpgp/errors.ts';
import type { SmallMailSettings } from './settings.ts';

const KEYS_REMEMBERED = 10_000;
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

export class Room {
  readonly post: Post;
  /** A certificate of nobody, so that asking for an unknown mailbox costs what asking for a known one does. */
  readonly decoy: Uint8Array;
  readonly #counted: ReturnType<Post['metrics']['counter']>;
  readonly #keys = new Recent<string, { readonly ids: readonly string[]; readonly until: number }>(KEYS_REMEMBERED);
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

  /** Ids of the keys that mail for the mailbox may be encrypted to; none when its key has expired or was revoked. */
  async encryptionKeys(mailbox: string): Promise<readonly string[]> {
    const now = this.post.clock.now();
    const known = this.#keys.get(mailbox);
    if (known !== undefined && known.until > now) return known.ids;
    const stored = await this.post.store.documents.get(idOf(mailbox), CERTIFICATE);
    const ids = stored === undefined ? [] : await usableKeys(stored.value, now);
    this.#keys.set(mailbox, { ids, until: now + KEYS_FRESH });
    return ids;
  }

  /** To be called when a mailbox is made or its certificate changes. */
  keysChanged(mailbox: string): void {
    this.#keys.delete(mailbox);
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
