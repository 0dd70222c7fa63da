// Mailboxes from the client's side: CHECK, INDEX, FETCH and what changes messages.   spec: immp 2.9

import { createHash } from 'node:crypto';
import * as z from 'zod';
import { toHex } from '../../base/bytes.ts';
import { isFinal } from '../wire/reply.ts';
import type { Target } from '../wire/target.ts';
import { type FolderStatus, folderStatus, frame } from '../wire/texts.ts';
import { ClientError, refused } from './errors.ts';
import { type Exchange, isRefusal } from './exchange.ts';
import type { ImmpSession } from './session.ts';

/** What lies in a folder, and, with `recursive`, in those below it. */
export async function check(session: ImmpSession, target: Target, recursive = false): Promise<FolderStatus[]> {
  const replies = await session.ask({ word: 'MBOX CHECK', target, switches: recursive ? ['+RECURSIVE'] : [] });
  return replies.map((reply) => {
    const status = folderStatus.read(reply.text);
    if (reply.code !== '240' || status === undefined) throw unclear();
    return status;
  });
}

const partLine = z.object({
  id: z.string(),
  class: z.string(),
  type: z.string(),
  name: z.string(),
  length: z.int().nonnegative(),
});

const entryLine = z.object({
  uuid: z.string(),
  from: z.string().nullable(),
  origin: z.string(),
  to: z.string(),
  subject: z.string().default(''),
  date: z.string(),
  received: z.string().default(''),
  size: z.int().nonnegative().default(0),
  flags: z.array(z.string()).default([]),
  q: z.int().nonnegative().default(0),
  parts: z.array(partLine).default([]),
});

/** A message as an index shows it. */
export type Entry = z.infer<typeof entryLine>;

export interface Page {
  /** How many, at most. */
  readonly limit?: number;
  /** How many of the newest are left out. */
  readonly offset?: number;
}

/** Messages of a folder, the newest last. */
export async function index(session: ImmpSession, target: Target, page: Page = {}): Promise<Entry[]> {
  const replies = await session.ask({ word: 'MBOX INDEX', target, ...page, switches: ['+JSON'] });
  return replies.slice(0, -1).map(({ text }) => parsed(entryLine, text));
}

const envelopeShape = z.looseObject({
  uuid: z.string(),
  from: z.string().nullable(),
  origin: z.string(),
  to: z.string(),
  subject: z.string().optional(),
  date: z.string().optional(),
  received: z.string(),
  secure: z.boolean().optional(),
  flags: z.array(z.string()).default([]),
});

const messageShape = z.object({
  envelope: envelopeShape,
  parts: z.array(partLine.extend({ encoding: z.string().optional(), data: z.string().nullable().optional() })),
});

/** A message with those of its parts that are small. */
export type FetchedMessage = z.infer<typeof messageShape>;

export interface FetchOptions {
  /** Whether the message counts as read afterwards: true when not given. */
  readonly markRead?: boolean;
  /** Envelope and list of parts alone. */
  readonly headers?: boolean;
}

/** Envelope and parts of each message that the target names, oldest first; parts beyond the server's limit without their data. */
export async function* fetchMessages(
  session: ImmpSession,
  target: Target,
  { markRead = true, headers = false }: FetchOptions = {},
): AsyncGenerator<FetchedMessage, void, void> {
  const switches = ['+JSON', ...(markRead ? [] : ['-READ']), ...(headers ? ['+HEADERS'] : [])];
  const exchange = await session.begin({ word: 'MBOX FETCH', target, switches }, session.newPipe());
  try {
    for (let item = await exchange.next(); item !== undefined; item = await exchange.next()) {
      if (isRefusal(item.reply)) throw refused(item.reply);
      if (!isFinal(item.reply)) yield parsed(messageShape, item.reply.text);
    }
  } finally {
    exchange.drop();
  }
}

/** Pieces of a raw download: a `string` is the UUID of the message that begins there. */
export type RawPiece = string | Buffer;

/**
 * Messages as RFC 5322 with MIME, or one part of one as it is, piece by piece as they come. Number and digest of the octets are
 * compared at the end: throws ClientError `protocol` when they are others.
 */
export async function* fetchRaw(
  session: ImmpSession,
  target: Target,
  { part, markRead = true }: { readonly part?: string; readonly markRead?: boolean } = {},
): AsyncGenerator<RawPiece, void, void> {
  const switches = markRead ? [] : ['-READ'];
  const command = { word: 'MBOX FETCH' as const, target, switches, ...(part === undefined ? {} : { part }) };
  const exchange = await session.begin(command, session.newPipe());
  try {
    yield* raw(exchange);
  } finally {
    exchange.drop();
  }
}

async function* raw(exchange: Exchange): AsyncGenerator<RawPiece, void, void> {
  const hash = createHash('sha256');
  let count = 0;
  for (let item = await exchange.next(); item !== undefined; item = await exchange.next()) {
    if (isRefusal(item.reply)) throw refused(item.reply);
    const line = frame.read(item.reply.text);
    if (item.reply.code !== '251' || line === undefined) throw unclear();
    if (line.kind === 'uuid') yield line.uuid;
    for (const octets of item.octets ?? []) {
      hash.update(octets);
      count += octets.length;
      yield octets;
    }
    if (line.kind === 'total' && (line.octets !== count || line.sha256 !== toHex(hash.digest()))) {
      throw new ClientError('protocol', 'what came is not what the server says it sent', { remedy: 'fetch it again' });
    }
  }
}

/** Changes flags; how many messages the server found. `spam` moves them to JUNK. */
export function flag(
  session: ImmpSession,
  target: Target,
  { set = [], clear = [] }: { readonly set?: readonly string[]; readonly clear?: readonly string[] },
): Promise<number> {
  return changed(session, {
    word: 'MBOX FLAG',
    target,
    ...(set.length === 0 ? {} : { set }),
    ...(clear.length === 0 ? {} : { clear }),
  });
}

/** Moves or copies messages to a folder, or deletes them, or makes or removes a folder. How many the server says it were. */
export async function changed(
  session: ImmpSession,
  command: Extract<
    Parameters<ImmpSession['ask']>[0],
    { word: `MBOX ${'FLAG' | 'MOVE' | 'COPY' | 'DELETE' | 'CREATE' | 'REMOVE'}` }
  >,
): Promise<number> {
  const [last] = (await session.ask(command)).slice(-1);
  const [, count] = /^([0-9]{1,10})(?: |$)/.exec(last?.text ?? '') ?? [];
  if (count === undefined) throw unclear();
  return Number(count);
}

const eventShape = z.looseObject({
  event: z.string(),
  path: z.string().optional(),
  uuid: z.string().optional(),
  q: z.number().optional(),
  flags: z.array(z.string()).optional(),
  pending: z.boolean().optional(),
});

/** What changed in a mailbox that is watched. `watching` comes first: from then on nothing is missed. */
export type WatchEvent = z.infer<typeof eventShape>;

/** Changes in these folders as they happen, until `signal` ends it. Other commands may run meanwhile. */
export async function* watch(
  session: ImmpSession,
  targets: readonly Target[],
  signal?: AbortSignal,
): AsyncGenerator<WatchEvent, void, void> {
  const pipe = session.newPipe();
  const exchange = await session.begin({ word: 'MBOX WATCH', targets }, pipe);
  const stop = () => void session.ask({ word: 'MBOX UNWATCH', pipe }).catch(() => {});
  if (signal?.aborted) stop();
  signal?.addEventListener('abort', stop, { once: true });
  try {
    for (let item = await exchange.next(Infinity); item !== undefined; item = await exchange.next(Infinity)) {
      if (isRefusal(item.reply)) throw refused(item.reply);
      if (!isFinal(item.reply)) yield parsed(eventShape, item.reply.text);
    }
  } finally {
    signal?.removeEventListener('abort', stop);
    if (!exchange.ended && !signal?.aborted) stop();
    exchange.drop();
  }
}

function parsed<Shape extends z.ZodType>(shape: Shape, text: string): z.infer<Shape> {
  try {
    return shape.parse(JSON.parse(text));
  } catch (cause) {
    throw unclear(cause);
  }
}

function unclear(cause?: unknown): ClientError {
  return new ClientError('protocol', 'the server answers in a way that IMMP does not have', { cause });
}
