// The main thread's side of the engine: the Store that the house sees, each method one call of a worker.

import { resolve } from 'node:path';
import { asBuffer } from '../../base/bytes.ts';
import { StoreError } from '../errors.ts';
import { checkDocument, checkJob, checkKey, checkLimit, checkName, checkWhole } from '../limits.ts';
import type { Documents, Mailboxes, Queues, SeenSets, Store, Swept } from '../store.ts';
import { NO_VISIT } from './expiry.ts';
import { keep } from './keep.ts';
import type { Link, Operation } from './link.ts';
import { mailOf } from './mail.ts';
import type { Reads } from './reads.ts';
import { Watchers } from './watchers.ts';
import type { Writes } from './writes.ts';

/** The workers and what belongs to them. */
export interface Engine {
  readonly writer: Link<Writes>;
  /** Runs a query on the reader that has least to do. */
  read<K extends keyof Reads & string>(query: K, ...args: Parameters<Reads[K]>): Promise<ReturnType<Reads[K]>>;
  readonly watchers: Watchers;
  /** Clears away, in the background or when awaited, what removed mailboxes and messages have left. */
  clear(): Promise<void>;
}

/** The Store over the workers of `file`. */
export function storeOf(file: string, writer: Link<Writes>, readers: readonly Link<Reads>[]): Store {
  const engine: Engine = {
    writer,
    read: (query, ...args) => leastBusy(readers).call(query, ...args),
    watchers: new Watchers(),
    clear: clearer(writer),
  };
  void engine.clear(); // what an earlier process had begun and not ended
  let closing: Promise<void> | undefined;
  const stop = new AbortController();
  const close = async () => {
    stop.abort();
    await Promise.all(readers.map((reader) => reader.close()));
    await writer.close(); // last, so that it folds the log into the file
  };
  return {
    mailboxes: mailboxesOf(engine),
    messages: mailOf(engine),
    queues: queuesOf(engine),
    seen: seenOf(engine),
    documents: documentsOf(engine),
    sweep: (now) => sweep(engine, checkWhole(now)),
    usage: () => engine.read('usage'),
    async backup(path) {
      await keep({ work: 'copy', file, path: resolve(path) }, stop.signal);
    },
    async verify(progress) {
      const verification = await keep({ work: 'check', file }, stop.signal, progress);
      if (verification === undefined) throw new StoreError('internal', 'the check brought no result');
      return verification;
    },
    close: () => (closing ??= close()),
  };
}

function leastBusy<Ops extends Record<keyof Ops, Operation>>(links: readonly Link<Ops>[]): Link<Ops> {
  return links.reduce((best, link) => (link.load < best.load ? link : best));
}

/** Runs the writer's clearing to its end; asked again meanwhile, once more. */
function clearer(writer: Link<Writes>): () => Promise<void> {
  let running: Promise<void> | undefined;
  let again = false;
  const run = async () => {
    do {
      again = false;
      while (await writer.call('clear'));
    } while (again);
  };
  return () => {
    again = running !== undefined;
    running ??= run().finally(() => {
      running = undefined;
    });
    running.catch(() => {}); // for those who do not wait; a later sweep meets the same trouble and tells
    return running;
  };
}

async function sweep({ writer, watchers, clear }: Engine, now: number): Promise<Swept> {
  const swept = { messages: 0, mailboxes: 0, seen: 0, uploads: 0 };
  for (let [more, from] = [true, NO_VISIT]; more; ) {
    const step = await writer.call('sweepSome', now, from);
    swept.messages += step.messages;
    swept.mailboxes += step.mailboxes;
    swept.seen += step.seen;
    swept.uploads += step.uploads;
    for (const mailbox of step.changed) watchers.wake(mailbox);
    [more, from] = [step.more, step.next];
  }
  await clear();
  while (await writer.call('shrink'));
  await writer.call('foldLog');
  return swept;
}

function mailboxesOf({ writer, read, watchers, clear }: Engine): Mailboxes {
  const waking = async (id: string, changed: Promise<boolean>): Promise<boolean> => {
    if (await changed) watchers.wake(id);
    return changed;
  };
  return {
    async create({ id, quota, expires, documents = {} }) {
      return writer.call('createMailbox', {
        id: checkName(id),
        quotaBytes: checkWhole(quota.bytes),
        quotaMessages: checkWhole(quota.messages),
        expires: expires === undefined ? null : checkWhole(expires),
        documents: Object.entries(documents).map(([name, value]) => [
          checkName(name),
          new Uint8Array(checkDocument(value)),
        ]),
      });
    },
    async get(id) {
      const row = await read('getMailbox', id);
      if (row === undefined) return undefined;
      return {
        id,
        quota: { bytes: row.quotaBytes, messages: row.quotaMessages },
        used: { bytes: row.usedBytes, messages: row.usedMessages },
        modseq: row.modseq,
        expires: row.expires ?? undefined,
      };
    },
    async change(id, { quota, expires }) {
      const change = {
        quotaBytes: quota ? checkWhole(quota.bytes) : null,
        quotaMessages: quota ? checkWhole(quota.messages) : null,
        expires: typeof expires === 'number' ? checkWhole(expires) : expires,
      };
      return waking(id, writer.call('changeMailbox', id, change));
    },
    async remove(id) {
      const removed = await waking(id, writer.call('removeMailbox', id));
      if (removed) void clear();
      return removed;
    },
    async list({ prefix = '', after = '', limit }) {
      return read('listMailboxes', prefix, after, checkLimit(limit));
    },
    async folders(id) {
      const rows = await read('listFolders', id);
      return rows.map(([name, messages, bytes, unread, modseq]) => ({ name, messages, bytes, unread, modseq }));
    },
    createFolder: async (id, folder) => waking(id, writer.call('createFolder', id, checkName(folder))),
    removeFolder: (id, folder) => waking(id, writer.call('removeFolder', id, folder)),
  };
}

function queuesOf({ writer, read }: Engine): Queues {
  const watchers = new Watchers();
  const waking = async (queue: string, changed: Promise<boolean>): Promise<boolean> => {
    if (await changed) watchers.wake(queue);
    return changed;
  };
  return {
    async push(queue, { id, body, accepted, notBefore = accepted }) {
      const name = checkName(queue);
      const job = [checkName(id), writer.copy(checkJob(body)), checkWhole(accepted), checkWhole(notBefore)] as const;
      return waking(queue, writer.call('pushJob', name, ...job));
    },
    async lease(queue, { now, leaseUntil, limit }) {
      const rows = await writer.call('leaseJobs', queue, checkWhole(now), checkWhole(leaseUntil), checkLimit(limit));
      return rows.map(([id, body, attempts, accepted]) => ({ id, body: asBuffer(body), attempts, accepted }));
    },
    finish: (queue, id) => writer.call('finishJob', queue, id),
    async postpone(queue, id, notBefore, body) {
      const due = checkWhole(notBefore);
      return waking(queue, writer.call('postponeJob', queue, id, due, body ? writer.copy(checkJob(body)) : null));
    },
    endLeases: async (queue, now) => writer.call('endLeases', queue, checkWhole(now)),
    nextDue: (queue) => read('nextDue', queue),
    count: (queue) => read('countJobs', queue),
    watch: (queue, wake) => watchers.add(queue, wake),
  };
}

function seenOf({ writer, read }: Engine): SeenSets {
  return {
    async add(set, keys, until) {
      const copies = keys.map((key) => new Uint8Array(checkKey(key)));
      return writer.call('addSeen', checkName(set), copies, checkWhole(until));
    },
    has: (set, key) => read('hasSeen', set, new Uint8Array(key)),
  };
}

function documentsOf({ writer, read }: Engine): Documents {
  return {
    async get(owner, name) {
      const row = await read('getDocument', owner, name);
      return row && { value: asBuffer(row[0]), version: row[1] };
    },
    async put(owner, name, value, ifVersion) {
      const octets = writer.copy(checkDocument(value));
      return writer.call('putDocument', checkName(owner), checkName(name), octets, ifVersion);
    },
    remove: (owner, name) => writer.call('removeDocument', owner, name),
    list: (owner) => read('listDocuments', owner),
  };
}
