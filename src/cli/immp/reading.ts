// `postern immp check`, `index`, `read`, `save` and `fetch`.

import { mkdir, open } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { codeOf } from '../../base/errors.ts';
import { formatSize } from '../../base/text.ts';
import { ACTION_TYPE, actionsInWords, readActions } from '../../immp/client/actions.ts';
import { ClientError } from '../../immp/client/errors.ts';
import { fetchAway } from '../../immp/client/fetch-away.ts';
import * as mailbox from '../../immp/client/mailbox.ts';
import type { ImmpSession } from '../../immp/client/session.ts';
import type { Filter, Target } from '../../immp/wire/target.ts';
import { UsageError } from '../command.ts';
import { facts, harmless, print, printJson, showProgress, table } from '../output.ts';
import { asUser, folderNamed, folderPath, type MailboxOptions, messagesNamed } from './client.ts';

/** Digits of a UUID that are shown: enough to tell messages apart, and what the server's own short name has. */
const SHOWN_DIGITS = 8;

export async function check(folder: string | undefined, options: MailboxOptions): Promise<void> {
  const found = await asUser(options, (session) => mailbox.check(session, folderNamed(folder ?? '/', options), true));
  const rows = found.map(({ target, unread, total, size }) => ({ folder: folderPath(target), unread, total, size }));
  if (options.json) return printJson(rows);
  const lines = rows.map((row) => [
    row.folder,
    row.unread,
    row.total,
    row.size === undefined ? '' : formatSize(row.size),
  ]);
  print(table(['folder', 'unread', 'messages', 'size'], lines));
}

interface IndexOptions extends MailboxOptions {
  readonly unread?: boolean;
  readonly filter?: Extract<Filter, string>;
  readonly limit: number;
  readonly offset?: number;
}

export async function index(folder: string, options: IndexOptions): Promise<void> {
  const { limit, offset } = options;
  const filter = options.unread ? 'unread' : options.filter;
  const target: Target = { ...folderNamed(folder, options), ...(filter === undefined ? {} : { filter }) };
  const entries = await asUser(options, (session) =>
    mailbox.index(session, target, { limit, ...(offset === undefined ? {} : { offset }) }),
  );
  if (options.json) return printJson(entries);
  if (entries.length === 0) return print(`no messages in ${folderPath(target)}`);
  const lines = entries.map((entry) => [
    entry.uuid.slice(0, SHOWN_DIGITS),
    marksOf(entry.flags),
    entry.date.slice(0, 16).replace('T', ' '),
    senderOf(entry),
    entry.parts.filter((part) => part.class !== 'content').length || '',
    entry.subject,
  ]);
  print(table(['message', 'marks', 'date (UTC)', 'from', 'files', 'subject'], lines));
}

/** A star for what is new, then the flags that say more than that it was read. */
function marksOf(flags: readonly string[]): string {
  const others = flags.filter((flag) => flag !== 'read');
  return [...(flags.includes('read') ? [] : ['*']), ...others].join(' ');
}

interface ReadOptions extends MailboxOptions {
  readonly folder: string;
  readonly unread?: boolean;
}

export async function read(text: string, options: ReadOptions): Promise<void> {
  await asUser(options, async (session) => {
    const target = await messagesNamed(session, text, options);
    const message = await fetchOne(session, target, options.unread === true);
    const body = await bodyOf(session, target, message);
    const { envelope, parts } = message;
    if (options.json) {
      const files = parts.map(({ data: _data, encoding: _encoding, ...part }) => part);
      return printJson({ ...envelope, text: body, parts: files });
    }
    print(facts(headOf(message)));
    print('');
    print(
      body
        .replace(/\n$/, '')
        .split('\n')
        .map((line) => harmless(line.replaceAll('\t', '    ')))
        .join('\n'),
    );
  });
}

async function fetchOne(session: ImmpSession, target: Target, unread: boolean): Promise<mailbox.FetchedMessage> {
  for await (const message of mailbox.fetchMessages(session, target, { markRead: !unread })) return message;
  throw new ClientError('unknown', 'the message is gone');
}

/** The text for a person to read: plain before Markdown before anything else. */
async function bodyOf(session: ImmpSession, target: Target, message: mailbox.FetchedMessage): Promise<string> {
  const { type, text } = await contentOf(session, target, message);
  const actions = type === ACTION_TYPE ? readActions(text) : undefined;
  return actions === undefined ? text : actionsInWords(actions);
}

interface Content {
  /** Lower case, without parameters. */
  readonly type: string;
  readonly text: string;
}

async function contentOf(session: ImmpSession, target: Target, { parts }: mailbox.FetchedMessage): Promise<Content> {
  const contents = parts.filter((part) => part.class === 'content');
  const ofType = (type: string) => contents.find((part) => part.type.toLowerCase().startsWith(type));
  const chosen = ofType('text/plain') ?? ofType('text/markdown') ?? ofType('text/') ?? contents[0];
  const type = (chosen?.type ?? '').replace(/;.*$/s, '').trim().toLowerCase();
  if (chosen === undefined) return { type, text: '' };
  if (!/^(?:text\/|application\/json$|application\/vnd\.immp)/.test(type)) {
    return { type, text: `(there is no text; the content is ${type}: postern immp save)` };
  }
  if (typeof chosen.data === 'string') {
    return {
      type,
      text: chosen.encoding === 'utf8' ? chosen.data : Buffer.from(chosen.data, 'base64').toString('utf8'),
    };
  }
  const pieces: Buffer[] = [];
  for await (const piece of mailbox.fetchRaw(session, target, { part: chosen.id, markRead: false })) {
    if (typeof piece !== 'string') pieces.push(piece);
  }
  return { type, text: Buffer.concat(pieces).toString('utf8') };
}

function headOf({ envelope, parts }: mailbox.FetchedMessage): [string, string][] {
  const head: [string, string][] = [
    ['from', `${senderOf(envelope)} (${envelope.from === null ? 'its domain' : envelope.origin} vouches)`],
    ['to', envelope.to],
    ['received', envelope.received.slice(0, 19).replace('T', ' ')],
  ];
  const readers = addressedTo(envelope);
  if (readers.length > 0) head.push(['written to', readers.join(', ')]);
  if (envelope.subject) head.push(['subject', envelope.subject]);
  if (envelope.secure) head.push(['secure', 'yes: it came over known keys only']);
  for (const part of parts.filter((each) => each.class !== 'content')) {
    head.push(['attached', `${part.name} (${part.type}, ${formatSize(part.length)})`]);
  }
  return head;
}

/** All readers that the sender names, where he does: those of a letter to several, and of one kept in SENT or DRAFTS. */
export function addressedTo(envelope: Readonly<Record<string, unknown>>): string[] {
  const named = envelope['addressed-to'];
  return Array.isArray(named) ? named.filter((each) => typeof each === 'string') : [];
}

/** A sender who is not named is somebody of the domain. */
export function senderOf({ from, origin }: Pick<mailbox.Entry, 'from' | 'origin'>): string {
  return from ?? `somebody at ${origin}`;
}

interface SaveOptions extends ReadOptions {
  readonly to: string;
  readonly mail?: boolean;
}

export async function save(text: string, wanted: readonly string[], options: SaveOptions): Promise<void> {
  const saved = await asUser(options, async (session) => {
    const target = await messagesNamed(session, text, options);
    await mkdir(options.to, { recursive: true });
    if (options.mail) {
      const path = join(options.to, `${target.uuid}.eml`);
      return [{ path, size: await download(session, target, path, undefined, undefined) }];
    }
    const [message] = await Array.fromAsync(mailbox.fetchMessages(session, target, { markRead: false, headers: true }));
    const all = message?.parts ?? [];
    const parts =
      wanted.length === 0
        ? all.filter((part) => part.class !== 'content')
        : wanted.map((name) => all.find(({ id }) => id === name) ?? all.find((each) => each.name === name) ?? no(name));
    const files: { path: string; size: number }[] = [];
    for (const part of parts) {
      const path = join(options.to, basename(part.name));
      files.push({ path, size: await download(session, target, path, part.id, part.length) });
    }
    return files;
  });
  if (options.json) return printJson(saved);
  if (saved.length === 0) return print('nothing is attached');
  for (const { path, size } of saved) print(`saved ${harmless(path)} (${formatSize(size)})`);
}

/** Writes it as it comes, never over a file that is there. */
async function download(
  session: ImmpSession,
  target: Target,
  path: string,
  part: string | undefined,
  total: number | undefined,
): Promise<number> {
  const bar = total === undefined ? undefined : await showProgress(`saving ${harmless(basename(path))}`);
  try {
    await using file = await create(path);
    let size = 0;
    const pieces = mailbox.fetchRaw(session, target, { markRead: false, ...(part === undefined ? {} : { part }) });
    for await (const piece of pieces) {
      if (typeof piece === 'string') continue;
      await file.writeFile(piece);
      size += piece.length;
      bar?.update(size, total ?? size);
    }
    return size;
  } finally {
    bar?.stop();
  }
}

async function create(path: string) {
  try {
    return await open(path, 'wx');
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
    throw new UsageError(`${path} is there already; it was not overwritten`, 'choose another folder with --to');
  }
}

function no(name: string): never {
  throw new ClientError('unknown', `the message has no part ${name}`);
}

export async function fetchAll(
  folder: string,
  options: MailboxOptions & { to: string; keep?: boolean },
): Promise<void> {
  const fetched: { uuid: string; from: string | null; subject: string; path: string; size: number }[] = [];
  await asUser(options, async (session) => {
    const from = folderNamed(folder, options);
    for await (const { entry, path, size } of fetchAway(session, from, options.to, options.keep === true)) {
      fetched.push({ uuid: entry.uuid, from: entry.from, subject: entry.subject, path, size });
      if (!options.json) print(`${harmless(path)}  ${harmless(senderOf(entry))}  ${harmless(entry.subject)}`);
    }
  });
  if (options.json) printJson(fetched);
  else if (fetched.length === 0) print('nothing new');
}
