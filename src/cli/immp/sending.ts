// `postern immp send`: a message with its parts, to each of its readers.

import { open, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { text as textOf } from 'node:stream/consumers';
import { codeOf, messageOf } from '../../base/errors.ts';
import { systemRandom } from '../../base/random.ts';
import { formatSize } from '../../base/text.ts';
import { uuidFrom } from '../../immp/auth/secrets.ts';
import { deliver, envelopePart, type OutgoingPart, type Said, type Sent, upload } from '../../immp/client/deliver.ts';
import { readAddress } from '../../immp/client/home.ts';
import type { ImmpSession } from '../../immp/client/session.ts';
import { formatImid, type Imid, node } from '../../immp/wire/imid.ts';
import { writeInEditor } from '../ask-person.ts';
import { UsageError } from '../command.ts';
import { harmless, print, printJson, showProgress } from '../output.ts';
import { asUser, homeOf, messagesNamed, type UserOptions } from './client.ts';

const CHUNK = 64 * 1024;

export interface SendOptions extends UserOptions {
  readonly text?: string;
  readonly subject?: string;
  readonly attach: readonly string[];
  readonly html?: string;
  readonly markdown?: boolean;
  readonly from?: string;
  readonly anonymous?: boolean;
  readonly secure?: boolean;
  readonly importance: 'important' | 'normal' | 'low';
  readonly replyTo?: string;
  readonly keep?: boolean;
  readonly draft?: boolean;
}

export async function send(words: readonly string[], options: SendOptions): Promise<void> {
  const { readers, text: given } = readersAndText(words, options.text);
  if (options.anonymous && options.from !== undefined)
    throw new UsageError('--anonymous and --from exclude each other');
  const from = options.from === undefined ? undefined : (node.read(options.from) ?? noSender(options.from));
  const files = await Promise.all(options.attach.map((path) => filePart(path)));
  const html = options.html === undefined ? [] : [await filePart(options.html, 'text/html; charset=utf-8')];
  const home = await homeOf(options);
  const text = given ?? (process.stdin.isTTY ? await writeInEditor(home.folder) : await textOf(process.stdin));
  if (text.trim() === '' && files.length + html.length === 0) {
    throw new UsageError('the message is empty; nothing was sent');
  }
  const type = options.markdown ? 'text/markdown; charset=utf-8' : 'text/plain; charset=utf-8';
  const parts = [textPart('text', type, text), ...html.map((part) => ({ ...part, content: true })), ...files];
  const id = uuidFrom(systemRandom.bytes(16));
  const copies = options.draft ? 1 : readers.length + (options.keep ? 1 : 0);
  const total = parts.reduce((sum, { size }) => sum + size, 0) * copies;
  const bar = await showProgress(`sending ${formatSize(total)}`);
  let done = 0;
  const progress = (octets: number) => {
    done += octets;
    bar.update(done, total);
  };
  const report: object[] = [];
  try {
    await asUser(options, async (session, account) => {
      const said = await saidOf(session, readers, options);
      if (options.draft) {
        report.push({ draft: await putAside(session, 'drafts', said, parts, progress) });
        return;
      }
      for (const to of readers) {
        const sent = await deliver(
          session,
          {
            to,
            from,
            id,
            subject: options.subject,
            anonymous: options.anonymous === true,
            secure: options.secure === true,
            importance: options.importance === 'normal' ? undefined : options.importance,
            said,
            parts,
          },
          progress,
        );
        report.push({ to: formatImid(to), from: options.anonymous ? null : formatImid(from ?? account.imid), ...sent });
        if (!options.json) print(`${formatImid(to)}: ${inWords(sent, to)}`);
      }
      if (options.keep) await putAside(session, 'sent', said, parts, progress);
    });
  } finally {
    bar.stop();
  }
  if (options.json) printJson(report);
  else if (options.draft) print('put into DRAFTS');
}

/** Into a folder of one's own; the UUID of what lies there then. */
async function putAside(
  session: ImmpSession,
  folder: string,
  said: Said,
  parts: readonly OutgoingPart[],
  progress: (octets: number) => void,
): Promise<string | undefined> {
  const target = { folders: [folder] };
  const reply = await upload(session, { word: 'MBOX STORE', target }, [envelopePart(said), ...parts], progress);
  return reply.text.split(' ').at(-1);
}

export function inWords(sent: Sent, { domain }: Imid): string {
  if (sent.state === 'delivered') return 'delivered';
  if (sent.state === 'queued') return `on its way to ${domain}`;
  return harmless(sent.text.toLowerCase());
}

/** A last word that is no address is the text. */
function readersAndText(words: readonly string[], text: string | undefined): { readers: Imid[]; text?: string } {
  const last = words.at(-1) ?? '';
  const ends = text === undefined && words.length > 1 && !/^\S+@[^\s@]+$/.test(last);
  const readers = (ends ? words.slice(0, -1) : words).map(readAddress);
  const given = ends ? last : text;
  return { readers, ...(given === undefined ? {} : { text: given }) };
}

/** What DELIVER has no word for: the other readers, and the message that is answered. */
async function saidOf(
  session: ImmpSession,
  readers: readonly Imid[],
  { replyTo, draft, keep, subject, ...options }: SendOptions,
): Promise<Said> {
  const answered =
    replyTo === undefined ? undefined : (await messagesNamed(session, replyTo, { ...options, folder: 'inbox' })).uuid;
  // The folder that a reader wants it in is between him and whoever writes to him.   spec: immp 3
  const to = draft ? readers.map(formatImid) : readers.map(withoutFolder);
  return {
    ...(readers.length > 1 || draft || keep ? { to } : {}),
    ...(answered === undefined ? {} : { 'in-reply-to': answered }),
    ...((draft || keep) && subject !== undefined ? { subject } : {}),
  };
}

export function withoutFolder({ local, domain }: Imid): string {
  return formatImid({ local, domain });
}

/** As a word of a line may be: without quotes and control characters.   spec: immp 2.1 */
export function harmlessWord(text: string): string {
  return text.replaceAll('"', "'").replace(/\p{Cc}/gu, ' ');
}

export function textPart(name: string, type: string, text: string): OutgoingPart {
  const octets = Buffer.from(text);
  return { name, type, size: octets.length, content: true, chunks: () => [octets] };
}

const TYPES: Readonly<Record<string, string>> = {
  txt: 'text/plain; charset=utf-8',
  html: 'text/html; charset=utf-8',
  md: 'text/markdown; charset=utf-8',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  png: 'image/png',
  gif: 'image/gif',
  webp: 'image/webp',
  svg: 'image/svg+xml',
  pdf: 'application/pdf',
  json: 'application/json',
  zip: 'application/zip',
  asc: 'application/pgp-encrypted',
};

/** A file, read as it goes out. */
async function filePart(path: string, type?: string): Promise<OutgoingPart> {
  try {
    const about = await stat(path);
    if (!about.isFile()) throw new UsageError(`${path} is no file`);
    const ending = /\.([a-z0-9]+)$/i.exec(path)?.[1]?.toLowerCase() ?? '';
    return {
      name: harmlessWord(basename(path)).replaceAll('\\', '_'),
      type: type ?? TYPES[ending] ?? 'application/octet-stream',
      size: about.size,
      chunks: () => octetsOf(path),
    };
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(
      `cannot attach ${path}: ${codeOf(error) === 'ENOENT' ? 'there is no such file' : messageOf(error)}`,
    );
  }
}

async function* octetsOf(path: string): AsyncGenerator<Buffer, void, void> {
  await using file = await open(path, 'r');
  for (;;) {
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(CHUNK), 0, CHUNK);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}

function noSender(text: string): never {
  throw new UsageError(`${text} is no IMID`, 'it looks like helpdesk@example.org');
}
