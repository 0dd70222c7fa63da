// What a stored message is: its entry in the mailbox's index, what it is made from, and how entries are asked for.

/** The flag by which folders count: a message without it is unread. */
export const READ = 'read';

export interface Message {
  /** 32 random lower-case hex digits, never used again; tells neither order nor time. */
  readonly id: string;
  /** Its place in the mailbox: larger than that of every message appended before. */
  readonly uid: number;
  readonly folder: string;
  readonly size: number;
  readonly sha256: Buffer;
  readonly flags: readonly string[];
  readonly modseq: number;
  /** As exact as the counter that took it in wants it known. */
  readonly arrived: number;
  readonly expires: number | undefined;
  /** What the counter wants at hand when listing (an envelope, say); opaque to the store, at most 64 KiB. */
  readonly index: Buffer;
}

/** A body taken in by `receive`, not yet a message. */
export interface Body {
  readonly size: number;
  readonly sha256: Buffer;
  /** Forgets it; harmless after it has been appended. */
  discard(): Promise<void>;
}

export interface MessageDraft {
  /** Octets at hand, or what `receive` returned. */
  readonly body: Uint8Array | Body;
  readonly arrived: number;
  readonly expires?: number;
  /** `inbox` when not given. */
  readonly folder?: string;
  readonly flags?: readonly string[];
  readonly index?: Uint8Array;
  /** 1 to 255 octets that `named` finds it by; several messages may have the same. */
  readonly name?: Uint8Array;
  /** The duplicate rule: a second append with the same key in the same set of this mailbox before `until` stores nothing. */
  readonly once?: { readonly key: Uint8Array; readonly until: number };
}

export interface PageRequest {
  /** Only this folder; all folders when not given. */
  readonly folder?: string;
  /** `oldest` first when not given. */
  readonly order?: 'oldest' | 'newest';
  /** Only those further on in this order than the uid given: later ones, or earlier ones with `newest` first. */
  readonly after?: number;
  /** Leaves out so many first. What is left out costs a little too; to go on from a page, use `after`. */
  readonly skip?: number;
  /** Only those that have the flag, or have it not. Those without READ are found at once; for other flags each message is looked at. */
  readonly flag?: { readonly name: string; readonly set: boolean };
  /** 1 to 1000. */
  readonly limit: number;
}

export interface Page {
  readonly messages: readonly Message[];
  /** The `after` of the next page; undefined when this is the last. */
  readonly next: number | undefined;
}

/** A message that was removed. */
export interface Gone {
  readonly id: string;
  /** Where it lay. */
  readonly folder: string;
  /** The name it was appended under, if it had one. */
  readonly name: Buffer | undefined;
}

export interface Changes {
  readonly modseq: number;
  readonly messages: readonly Message[];
  readonly gone: readonly Gone[];
  /** True when there is more than `limit` allowed: ask again from `modseq`. */
  readonly more: boolean;
  /** True when removals after the modseq asked for are remembered no more: compare with the whole list. */
  readonly forgotten: boolean;
}
