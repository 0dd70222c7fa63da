// The messages of the Store: drafts become rows, rows become messages, bodies become streams.

import { hash } from 'node:crypto';
import { asBuffer, toHex } from '../../base/bytes.ts';
import { codeOf } from '../../base/errors.ts';
import { StoreError } from '../errors.ts';
import { CHUNK, checkFlags, checkIndex, checkKey, checkLimit, checkName, checkWhole } from '../limits.ts';
import type { Body, Message, MessageDraft } from '../messages.ts';
import type { Messages } from '../store.ts';
import type { Engine } from './engine.ts';
import type { MessageRow } from './listing.ts';
import { joinFlags, type NewMessage, splitFlags } from './messages.ts';
import { atHand, fromDisk } from './octets.ts';
import { ReceivedBody, receiver } from './receive.ts';
import { INBOX } from './schema.ts';

/** Messages removed in one transaction. */
const REMOVE_AT_ONCE = 200;

const EMPTY = Buffer.alloc(0);

export function mailOf({ writer, read, watchers, clear }: Engine): Messages {
  const receive = receiver(writer, () => void clear());
  // Octets that are handed out and then forgotten by their reader still let go of the body in the end.
  const forgotten = new FinalizationRegistry<() => void>((unpin) => unpin());

  async function octetsOf(mailbox: string, body: MessageDraft['body']): Promise<ReceivedBody> {
    if (!(body instanceof Uint8Array)) return ownBody(mailbox, body);
    if (body.byteLength > CHUNK) return receive(mailbox, once(body));
    const sha256 = hash('sha256', body, 'buffer');
    return new ReceivedBody({ mailbox, size: body.byteLength, sha256 }, new Uint8Array(body), async () => {});
  }

  /** The body's place in the store is kept from now on, until the returned function is called. */
  async function pinned(mailbox: string, id: string) {
    const key = await writer.call('pin', mailbox, id);
    if (key === undefined) return undefined;
    let held = true;
    const unpin = () => {
      if (!held) return;
      held = false;
      const cleared = writer.call('unpin', key).then(clear);
      cleared.catch(() => {}); // a closed store holds nothing
    };
    return { key, unpin };
  }

  return {
    receive,

    async append(mailbox, draft) {
      const about = describe(draft);
      const body = await octetsOf(mailbox, draft.body).catch(missing);
      if (body === undefined) return { status: 'no-mailbox' };
      const { source, size } = body;
      // What the caller received he may append again when it did not fit; the copy made of octets at hand serves this once.
      const give = (octets: Uint8Array<ArrayBuffer>) =>
        body === draft.body ? writer.copy(octets) : writer.give(octets);
      const result = await writer.call('append', mailbox, {
        ...about,
        size,
        sha256: body.sha256.toString('hex'),
        body: source instanceof Uint8Array ? give(source) : source,
      });
      if (typeof result === 'string') {
        // A repeated body is as good as appended; one that did not fit stays with the caller who received it.
        if (result === 'duplicate' || body !== draft.body) await body.discard();
        return { status: result };
      }
      body.spend();
      watchers.wake(mailbox);
      return { status: 'stored', id: result.id, uid: result.uid, modseq: result.uid };
    },

    async find(mailbox, id) {
      const row = await read('findMessage', mailbox, id);
      return row && messageOf(row);
    },

    async named(mailbox, name) {
      const rows = await read('namedMessages', mailbox, new Uint8Array(checkKey(name)));
      return rows.map(messageOf);
    },

    async page(mailbox, { folder = null, order = 'oldest', after, skip = 0, flag, limit }) {
      const newest = order === 'newest';
      const rows = await read('pageMessages', mailbox, {
        folder,
        newest,
        from: after ?? (newest ? Number.MAX_SAFE_INTEGER : 0),
        skip: checkWhole(skip),
        flag: flag?.name ?? null,
        set: flag?.set ?? false,
        limit: checkLimit(limit) + 1,
      });
      const messages = rows.slice(0, limit).map(messageOf);
      return { messages, next: rows.length > limit ? messages.at(-1)?.uid : undefined };
    },

    async read(mailbox, id, { offset = 0, length = Number.MAX_SAFE_INTEGER } = {}) {
      const opened = await read('openMessage', mailbox, id);
      if (opened === undefined) return undefined;
      const message = messageOf(opened.row);
      const from = Math.min(checkWhole(offset), message.size);
      const to = from + Math.min(checkWhole(length), message.size - from);
      const about = { message, offset: from, length: to - from };
      if (opened.octets) return { ...about, chunks: atHand(opened.octets, from, to) };
      const pin = await pinned(mailbox, id);
      if (pin === undefined) return undefined;
      const chunks = fromDisk(pin.key, from, to, (key, seq) => read('readChunk', key, seq), pin.unpin);
      forgotten.register(chunks, pin.unpin);
      return { ...about, chunks };
    },

    async remove(mailbox, ids) {
      let [removed, later] = [0, false];
      for (let from = 0; from < ids.length; from += REMOVE_AT_ONCE) {
        const step = await writer.call('removeMessages', mailbox, ids.slice(from, from + REMOVE_AT_ONCE));
        removed += step.removed;
        later ||= step.later;
      }
      if (removed > 0) watchers.wake(mailbox);
      if (later) void clear();
      return removed;
    },

    async flag(mailbox, id, { add = [], remove = [] }) {
      const changed = await writer.call('flag', mailbox, id, checkFlags(add), remove);
      if (changed) watchers.wake(mailbox);
      return changed !== undefined;
    },

    async move(mailbox, id, folder) {
      const changed = await writer.call('move', mailbox, id, checkName(folder));
      if (changed) watchers.wake(mailbox);
      return changed !== undefined;
    },

    async changes(mailbox, modseq, limit) {
      const rows = await read('changesSince', mailbox, checkWhole(modseq), checkLimit(limit));
      const gone = rows.gone.map(([id, folder, name]) => ({ id, folder, name: name ? asBuffer(name) : undefined }));
      return { ...rows, messages: rows.messages.map(messageOf), gone };
    },

    watch: (mailbox, wake) => watchers.add(mailbox, wake),
  };
}

/** The draft without its body, checked. */
function describe(draft: MessageDraft): Omit<NewMessage, 'size' | 'sha256' | 'body'> {
  const { arrived, expires, folder = INBOX, flags = [], index, name, once: rule } = draft;
  return {
    folder: checkName(folder),
    flags: joinFlags(checkFlags(flags)),
    arrived: checkWhole(arrived),
    expires: expires === undefined ? null : checkWhole(expires),
    entry: index && index.byteLength > 0 ? new Uint8Array(checkIndex(index)) : null,
    name: name === undefined ? null : toHex(checkKey(name)),
    once: rule ? { key: toHex(checkKey(rule.key)), until: checkWhole(rule.until) } : null,
  };
}

function ownBody(mailbox: string, body: Body): ReceivedBody {
  if (body instanceof ReceivedBody && body.mailbox === mailbox) return body;
  throw new StoreError('no-body', 'the body was not received for this mailbox');
}

/** Undefined for want of a mailbox; anything else is thrown on. */
function missing(error: unknown): undefined {
  if (codeOf(error) !== 'no-mailbox') throw error;
}

function messageOf(row: MessageRow): Message {
  const [uid, id, folder, size, sha256, flags, modseq, arrived, expires, entry] = row;
  return {
    id,
    uid,
    folder,
    size,
    sha256: Buffer.from(sha256, 'hex'),
    flags: splitFlags(flags),
    modseq,
    arrived,
    expires: expires ?? undefined,
    index: entry ? asBuffer(entry) : EMPTY,
  };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
