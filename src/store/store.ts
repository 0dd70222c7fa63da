// The one durable store, as the rest of the house sees it. Engines implement this interface; nothing else knows which one runs.
// Every promise that changes something resolves only after the change is synced to stable storage.
// Times are milliseconds since 1970 UTC and always come from the caller. What goes wrong is a StoreError (`errors.ts`); names and
// sizes have their limits in `limits.ts`.

import type { Body, Changes, Message, MessageDraft, Page, PageRequest } from './messages.ts';

export interface Store {
  readonly mailboxes: Mailboxes;
  readonly messages: Messages;
  readonly queues: Queues;
  readonly seen: SeenSets;
  readonly documents: Documents;

  /**
   * Removes what has expired at `now`: messages, mailboxes with all they hold, seen keys, and uploads that were
   * begun and never appended. Works in small transactions, so that it never holds up an append for long.
   */
  sweep(now: number): Promise<Swept>;
  usage(): Promise<Usage>;
  /** Writes a consistent copy of everything to the new file `path` while the store goes on working. */
  backup(path: string): Promise<void>;
  /** Reads everything, checks every digest and count, and names each fault without saying whose it is. */
  verify(progress?: (done: number, total: number) => void): Promise<Verification>;
  close(): Promise<void>;
}

export interface Quota {
  readonly bytes: number;
  readonly messages: number;
}

export interface Mailbox {
  readonly id: string;
  readonly quota: Quota;
  /** What its messages amount to now. */
  readonly used: Quota;
  /** Grows with every change in the mailbox. */
  readonly modseq: number;
  /** When the mailbox and all in it will be removed; undefined: never. */
  readonly expires: number | undefined;
}

export interface MailboxDraft {
  /** `counter/name`, such as `smallmail/6A5A…`: at most 255 octets. */
  readonly id: string;
  readonly quota: Quota;
  readonly expires?: number;
  /** Documents owned by the mailbox, made in the same transaction. */
  readonly documents?: Readonly<Record<string, Uint8Array>>;
}

export interface Mailboxes {
  /** True when made, false when one of that id is there already (nothing is changed then). */
  create(draft: MailboxDraft): Promise<boolean>;
  get(id: string): Promise<Mailbox | undefined>;
  /** Changes what is given; false when there is no such mailbox. `expires: null` means never. */
  change(id: string, change: { quota?: Quota; expires?: number | null }): Promise<boolean>;
  /** Removes it with its messages, folders and documents; false when there is none. */
  remove(id: string): Promise<boolean>;
  /** Ids in order, from the first after `after`, beginning with `prefix`. */
  list(request: { prefix?: string; after?: string; limit: number }): Promise<string[]>;
  /** Folders that were made or hold messages, in order of name. */
  folders(id: string): Promise<Folder[]>;
  /** False when it is there already. */
  createFolder(id: string, folder: string): Promise<boolean>;
  /** Removes an empty folder; false when it holds messages or is not there. */
  removeFolder(id: string, folder: string): Promise<boolean>;
}

export interface Folder {
  readonly name: string;
  readonly messages: number;
  readonly bytes: number;
  /** How many of the messages have not the flag READ. */
  readonly unread: number;
  /** The mailbox's change counter when this folder or a message in it changed last. */
  readonly modseq: number;
}

export interface Messages {
  /**
   * Takes in a body of up to 64 GiB, chunk by chunk, in bounded memory. What this returns is a draft's body; it is
   * listed nowhere and lost at the next start unless appended. Breaks off, keeping nothing, when `chunks` throws.
   * `size`, when it is known, spares room for a short one.
   * Rejects with StoreError `no-mailbox` when the body is long and there is no such mailbox.
   */
  receive(mailbox: string, chunks: AsyncIterable<Uint8Array>, size?: number): Promise<Body>;
  /**
   * Puts one message into a mailbox: index entry, body, quota, duplicate rule and notice in one transaction.
   * Rejects with StoreError `no-body` when the body was appended, discarded or swept before, or is another mailbox's.
   */
  append(mailbox: string, draft: MessageDraft): Promise<Appended>;
  find(mailbox: string, id: string): Promise<Message | undefined>;
  /** Those that were appended under this name and are still there, oldest first. */
  named(mailbox: string, name: Uint8Array): Promise<Message[]>;
  /** Costs the same however much the mailbox holds. */
  page(mailbox: string, request: PageRequest): Promise<Page>;
  /**
   * The octets from `offset`, `length` of them or up to the end, in chunks. Undefined when there is no such message.
   * Once this has resolved, the octets arrive even if the message is removed meanwhile.
   */
  read(mailbox: string, id: string, range?: { offset?: number; length?: number }): Promise<MessageOctets | undefined>;
  /** How many of `ids` were there and are now gone. */
  remove(mailbox: string, ids: readonly string[]): Promise<number>;
  /** False when there is no such message. */
  flag(mailbox: string, id: string, change: { add?: readonly string[]; remove?: readonly string[] }): Promise<boolean>;
  move(mailbox: string, id: string, folder: string): Promise<boolean>;
  /** What changed after `modseq`: messages new or altered, and ids that are gone. */
  changes(mailbox: string, modseq: number, limit: number): Promise<Changes>;
  /** Calls `wake` after each committed change of the mailbox. A hint: ask `changes` what it was. Returns the end of it. */
  watch(mailbox: string, wake: () => void): () => void;
}

export interface MessageOctets {
  readonly message: Message;
  readonly offset: number;
  readonly length: number;
  readonly chunks: AsyncIterable<Buffer>;
}

export type Appended =
  | { readonly status: 'stored'; readonly id: string; readonly uid: number; readonly modseq: number }
  /** The draft's `once` key was seen before: nothing is stored, and that is as good as stored; the body is spent. */
  | { readonly status: 'duplicate' }
  /** It would go over the mailbox's quota. */
  | { readonly status: 'full' }
  | { readonly status: 'no-mailbox' };

export interface Job {
  readonly id: string;
  readonly body: Buffer;
  /** How many times it was taken before this. */
  readonly attempts: number;
  /** When it was pushed, as the pusher said. */
  readonly accepted: number;
}

export interface Queues {
  /** Due at once unless `notBefore` is given. False when the queue has a job of this id already. */
  push(queue: string, job: { id: string; body: Uint8Array; accepted: number; notBefore?: number }): Promise<boolean>;
  /** Takes jobs that are due, earliest first, and hides them from others until `leaseUntil`. Counts an attempt. */
  lease(queue: string, request: { now: number; leaseUntil: number; limit: number }): Promise<Job[]>;
  finish(queue: string, id: string): Promise<boolean>;
  /** Ends the lease; the job is due again at `notBefore`, with `body` in place of its own when given. */
  postpone(queue: string, id: string, notBefore: number, body?: Uint8Array): Promise<boolean>;
  /** Makes all jobs due that somebody has leased: for whoever starts, and knows that whoever that was is gone. How many these are. */
  endLeases(queue: string, now: number): Promise<number>;
  /** When the next job falls due (leased ones: when the lease ends); undefined when the queue is empty. */
  nextDue(queue: string): Promise<number | undefined>;
  count(queue: string): Promise<number>;
  /** Calls `wake` after each push to the queue and each change of a job's due time, by whomever, until the returned function is called. */
  watch(queue: string, wake: () => void): () => void;
}

export interface SeenSets {
  /** For each key: true when it was not in the set. All are in it afterwards, until `until`. */
  add(set: string, keys: readonly Uint8Array[], until: number): Promise<boolean[]>;
  has(set: string, key: Uint8Array): Promise<boolean>;
}

export interface Documents {
  get(owner: string, name: string): Promise<{ value: Buffer; version: number } | undefined>;
  /**
   * Writes it and returns its new version. With `ifVersion`, only when that is its version now (0: not there yet);
   * otherwise undefined and nothing is changed.
   */
  put(owner: string, name: string, value: Uint8Array, ifVersion?: number): Promise<number | undefined>;
  remove(owner: string, name: string): Promise<boolean>;
  list(owner: string): Promise<string[]>;
}

export interface Swept {
  readonly messages: number;
  readonly mailboxes: number;
  readonly seen: number;
  readonly uploads: number;
}

export interface Usage {
  readonly mailboxes: number;
  readonly messages: number;
  /** Octets of message bodies. */
  readonly bytes: number;
}

export interface Verification {
  readonly mailboxes: number;
  readonly messages: number;
  readonly bytes: number;
  readonly faults: readonly string[];
}
