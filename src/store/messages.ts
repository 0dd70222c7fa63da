// What a stored message is: its entry in the mailbox's index, what it is made from, and how entries are asked for.

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
  /** The duplicate rule: a second append with the same key in the same set of this mailbox before `until` stores nothing. */
  readonly once?: { readonly key: Uint8Array; readonly until: number };
}

export interface PageRequest {
  /** Only this folder; all folders when not given. */
  readonly folder?: string;
  /** Messages with a larger uid than this. */
  readonly after?: number;
  /** 1 to 1000. */
  readonly limit: number;
}

export interface Page {
  readonly messages: readonly Message[];
  /** The `after` of the next page; undefined when this is the last. */
  readonly next: number | undefined;
}

export interface Changes {
  readonly modseq: number;
  readonly messages: readonly Message[];
  readonly gone: readonly string[];
  /** True when there is more than `limit` allowed: ask again from `modseq`. */
  readonly more: boolean;
  /** True when removals after the modseq asked for are remembered no more: compare with the whole list. */
  readonly forgotten: boolean;
}
