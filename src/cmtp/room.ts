// What all conversations at the CMTP counter share: the post, the server's key and name, the settings in force, rates, answers.

import { Slots } from '../base/slots.ts';
import { KeyedBuckets } from '../post/keyed-buckets.ts';
import type { Post } from '../post/post.ts';
import { type Account, type Accounts, accountsOf } from './accounts.ts';
import type { KeyPair } from './crypto/keys.ts';
import type { Forward } from './forward/passing.ts';
import { type CmtpSettings, domainOf } from './settings.ts';
import { sameDomain } from './wire/names.ts';
import { makeReplies, type Replies } from './wire/replies.ts';

const SIGNED_AT_ONCE = 2;

/** Of each, from one source. */
interface Rates {
  readonly mail: KeyedBuckets;
  readonly key: KeyedBuckets;
  readonly login: KeyedBuckets;
}

export interface RoomOptions {
  readonly post: Post;
  readonly server: KeyPair;
  readonly hostname: string;
  readonly settings: CmtpSettings;
  readonly forward: Forward;
}

export class Room {
  readonly post: Post;
  readonly server: KeyPair;
  readonly replies: Replies;
  readonly accounts: Accounts;
  readonly forward: Forward;
  /** The answer to who asks for the server's own key. */
  readonly serverKey: Buffer;
  /** For messages that are held whole while they are signed. */
  readonly signing = new Slots(SIGNED_AT_ONCE);
  readonly #hostname: string;
  readonly #counted: ReturnType<Post['metrics']['counter']>;
  /** Signed once: an account's object is another one when its keys are. */
  readonly #keys = new WeakMap<Account, Buffer>();
  readonly #xzibits = new WeakMap<Account, Buffer>();
  #settings: CmtpSettings;
  #rates: Rates;

  constructor({ post, server, hostname, settings, forward }: RoomOptions) {
    this.post = post;
    this.server = server;
    this.replies = makeReplies(server);
    this.serverKey = this.replies.key(server.publicKey);
    this.accounts = accountsOf(post);
    this.forward = forward;
    this.#hostname = hostname;
    this.#settings = settings;
    this.#rates = makeRates(post, settings);
    this.#counted = post.metrics.counter('postern_cmtp_commands_total', 'CMTP commands by outcome', [
      'word',
      'outcome',
    ]);
  }

  get settings(): CmtpSettings {
    return this.#settings;
  }

  get rates(): Rates {
    return this.#rates;
  }

  get domain(): string {
    return domainOf(this.#settings, this.#hostname);
  }

  isHere(domain: string): boolean {
    return sameDomain(domain, this.domain);
  }

  /** New settings, in force for each conversation from its next command on. The buckets start afresh. */
  use(settings: CmtpSettings): void {
    this.#settings = settings;
    this.#rates = makeRates(this.post, settings);
  }

  /** The signed answer with an account's key. */
  keyOf(account: Account): Buffer {
    return once(this.#keys, account, () => this.replies.key(account.publicKey));
  }

  /** The signed answer with an account's xzibit. Without its first eight octets it is the reference's.   spec: cmtp 9 D6 */
  xzibitOf(account: Account): Buffer {
    return once(this.#xzibits, account, () => this.replies.signed(account.xzibit));
  }

  /** Counts a finished command by its word and what became of it. */
  count(word: string, outcome: string): void {
    this.#counted({ word, outcome });
  }
}

function once(made: WeakMap<Account, Buffer>, account: Account, make: () => Buffer): Buffer {
  let reply = made.get(account);
  if (reply === undefined) {
    reply = make();
    made.set(account, reply);
  }
  return reply;
}

function makeRates({ clock }: Post, settings: CmtpSettings): Rates {
  return {
    mail: new KeyedBuckets(settings.mail_rate, clock),
    key: new KeyedBuckets(settings.key_rate, clock),
    login: new KeyedBuckets(settings.login_rate, clock),
  };
}
