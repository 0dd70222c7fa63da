// `postern ima`: login, send, fetch, list, read, save, flag, delete.

import { createWriteStream } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { text as readAll } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { systemRandom } from '../../base/random.ts';
import { formatSize } from '../../base/text.ts';
import { systemClock } from '../../base/time.ts';
import { ImaHome } from '../../ima/client/home.ts';
import { openMailbox, openSubmission, type Way } from '../../ima/client/reach.ts';
import { compose } from '../../ima/compose.ts';
import { fetchMailbox } from '../../ima/imrp/fetching.ts';
import type { Letter } from '../../ima/letter.ts';
import { shownRecipients } from '../../ima/lists/list.ts';
import type { MailFolder } from '../../ima/mailbox/folder.ts';
import { Mailbox } from '../../ima/mailbox/mailbox.ts';
import { formatResult, type Result } from '../../ima/wire/imdp.ts';
import { formatDate, headerOf } from '../../ima/wire/message.ts';
import { isAddress, isFolder, isWord } from '../../ima/wire/names.ts';
import { type Endpoint, parseEndpoint } from '../../net/endpoint.ts';
import { systemResolver } from '../../net/resolver.ts';
import { writeInEditor } from '../ask-person.ts';
import type { OfflineOptions, OnlineOptions } from '../client-options.ts';
import { AlreadySaid, UsageError } from '../command.ts';
import { facts, harmless, print, printJson, table } from '../output.ts';
import { type PasswordOption, passwordOf } from '../password.ts';
import { userFolder } from '../user-folder.ts';

const tools = { clock: systemClock, random: systemRandom };
const MAX_SHOWN = 1024 * 1024;

type FolderOption = { readonly folder: string };

function homeOf(options: OfflineOptions): ImaHome {
  return new ImaHome(userFolder(options, 'ima'));
}

function wayOf({ proxy }: OnlineOptions): Way {
  return { ...tools, resolver: systemResolver, proxy };
}

interface LoginOptions extends OnlineOptions, PasswordOption {
  readonly cert?: string;
  readonly key?: string;
  readonly imrp?: string;
  readonly submission?: string;
  readonly ca: readonly string[];
  readonly onlyCa?: boolean;
}

export async function login(address: string, options: LoginOptions): Promise<void> {
  if (!isAddress(address)) throw new UsageError(`${address} is no address`);
  const at = (text: string | undefined): { endpoint: Endpoint } | undefined => {
    const endpoint = text === undefined ? undefined : parseEndpoint(text);
    if (text !== undefined && endpoint === undefined) throw new UsageError(`${text} is not of the form HOST:PORT`);
    return endpoint && { endpoint };
  };
  const { cert = '', key = '', ca, onlyCa = false } = options;
  const [imrp, submission] = [at(options.imrp), at(options.submission)];
  const account = {
    ...{ address, onlyExtraCa: onlyCa },
    extraCa: ca.map((file) => resolve(file)),
    cert: cert && resolve(cert),
    key: key && resolve(key),
    ...(cert === '' || options.passwordFile !== undefined ? { password: await passwordOf(address, options) } : {}),
    ...(imrp ? { imrp: imrp.endpoint } : {}),
    ...(submission ? { submission: submission.endpoint } : {}),
  };
  const client = await openMailbox(account, wayOf(options));
  await client.done();
  await homeOf(options).save(account);
  if (options.json) printJson({ address });
  else print(`you are ${address}`);
}

interface SendOptions extends OnlineOptions {
  readonly subject: string;
  readonly copy: readonly string[];
  readonly hidden: readonly string[];
  readonly attach: readonly string[];
  readonly reply?: number;
}

export async function sendLetter(to: string, text: string | undefined, options: SendOptions): Promise<void> {
  const home = homeOf(options);
  const account = await home.account();
  const answered =
    options.reply === undefined ? undefined : (await find(home, options.reply, { folder: 'inbox' })).letter.head;
  const words = text ?? (process.stdin.isTTY ? await writeInEditor(home.path) : await readAll(process.stdin));
  const files = await Promise.all(
    options.attach.map(async (path) => ({
      ...({ role: 'attachment', type: 'application/octet-stream', name: basename(path) } as const),
      content: await readFile(path).catch(() => {
        throw new UsageError(`cannot read ${path}`);
      }),
    })),
  );
  const letter = compose(
    {
      ...{ from: account.address, to: [to], cc: options.copy, bcc: options.hidden, subject: options.subject },
      inReplyTo: answered?.id,
      parts: [
        { role: 'body', type: 'text/plain', content: Buffer.from(words.endsWith('\n') ? words : `${words}\n`) },
        ...files,
      ],
    },
    tools,
  );
  const client = await openSubmission(account, wayOf(options));
  const lines: Result[] = [];
  const verdict = await client.offer(letter.head);
  const final = verdict.verdict === 'accept' ? await client.send(letter, (line) => void lines.push(line)) : 'FAIL';
  await client.done();
  if (verdict.verdict === 'reject') lines.push({ kind: 'note', text: `${verdict.reason} ${verdict.text}`.trim() });
  if (options.json) printJson({ id: letter.head.id, final, lines });
  else for (const line of lines) print(harmless(formatResult(line)));
  if (final === 'OK') {
    if (!options.json) print('sent');
    return;
  }
  if (!options.json) print(final === 'PARTIAL' ? 'not everybody has it' : 'nobody has it', process.stderr);
  throw new AlreadySaid();
}

export async function fetchMail(options: OnlineOptions & { readonly delete?: boolean }): Promise<void> {
  const home = homeOf(options);
  const client = await openMailbox(await home.account(), wayOf(options));
  const fetched = await fetchMailbox({ client, folder: home.mail, remove: options.delete === true, tools }).finally(
    () => client.done(),
  );
  if (options.json) printJson(fetched);
  else print(`${fetched.fetched} fetched, ${fetched.removed} removed, ${fetched.flagged} flagged`);
}

export async function listLetters(name: string, options: OfflineOptions): Promise<void> {
  const folder = await folderOf(homeOf(options), name);
  const rows: {
    number: number;
    id: string;
    date: string;
    from: string;
    subject: string;
    size: number;
    flags: readonly string[];
  }[] = [];
  const seen = new Set<string>();
  for (const [place, { id, size, flags }] of (await folder.list()).entries()) {
    const { head } = await folder.read(id);
    if (seen.has(head.id)) continue; // spec: ima 2.6: the same message over a list and directly
    seen.add(head.id);
    const from = senderShown({ head });
    rows.push({
      number: place + 1,
      id: head.id,
      date: formatDate(head.date),
      from,
      subject: headerOf(head, 'subject') ?? '',
      size,
      flags,
    });
  }
  if (options.json) return printJson(rows);
  if (rows.length === 0) return print(`nothing in ${name}`);
  print(
    table(
      ['', 'date', 'from', 'subject', 'size', 'flags'],
      rows.map(({ number, date, from, subject, size, flags }) => [
        number,
        date.slice(0, 16).replace('T', ' '),
        from,
        subject,
        formatSize(size),
        flags.join(' '),
      ]),
    ),
  );
}

export async function readLetter(
  number: number,
  options: OfflineOptions & FolderOption & { readonly headers?: boolean },
): Promise<void> {
  const { folder, id, letter } = await find(homeOf(options), number, options);
  const { head } = letter;
  const at = head.parts.findIndex(({ role, type }) => role === 'body' && /^text\//.test(type));
  const before = head.parts.slice(0, Math.max(0, at)).reduce((sum, { size }) => sum + size, 0);
  const size = Math.min(head.parts[at]?.size ?? 0, MAX_SHOWN);
  const words = Buffer.concat(await Array.fromAsync(letter.data(before, size))).toString('utf8');
  const files = head.parts.flatMap((part, place) => (place === at ? [] : [{ number: place + 1, ...part }]));
  await folder.flag(id, [{ sign: '+', word: 'seen' }]);
  if (options.json) return printJson({ headers: head.headers, text: words, files });
  const shown = shownRecipients(head);
  print(
    options.headers
      ? head.headers.map(({ name, value }) => `${name}: ${harmless(value)}`).join('\n')
      : facts([
          ['from', senderShown(letter)],
          ['to', shown.to],
          ...(shown.cc === '' ? [] : [['copy', shown.cc] as const]),
          ['date', formatDate(head.date)],
          ['subject', headerOf(head, 'subject') ?? ''],
          ...files.map(
            (file) => [`part ${file.number}`, `${file.name ?? file.type}, ${formatSize(file.size)}`] as const,
          ),
        ]),
  );
  print(`\n${words.split('\n').map(harmless).join('\n')}`);
}

export async function saveAttachments(
  number: number,
  options: OfflineOptions & FolderOption & { readonly to: string },
): Promise<void> {
  const { letter } = await find(homeOf(options), number, options);
  await mkdir(options.to, { recursive: true });
  const saved: string[] = [];
  let at = 0;
  for (const [place, { role, size, name }] of letter.head.parts.entries()) {
    if (role === 'attachment' || role === 'inline') {
      const safe = (name ?? '')
        .replace(/^.*[/\\]/, '')
        .replace(/[\p{Cc}\p{Cf}<>:"|?*]/gu, '_')
        .replace(/^\.+/, '')
        .slice(0, 100);
      const file = join(options.to, safe || `part-${place + 1}`);
      await pipeline(letter.data(at, size), createWriteStream(file, { flags: 'wx', mode: 0o600 })).catch(
        (error: unknown) => {
          throw new UsageError(`cannot write ${file}: ${error instanceof Error ? error.message : ''}`);
        },
      );
      saved.push(file);
    }
    at += size;
  }
  if (options.json) printJson(saved);
  else print(saved.length === 0 ? 'nothing is attached' : saved.map(harmless).join('\n'));
}

export async function flagLetter(
  number: number,
  flags: readonly string[],
  options: OfflineOptions & FolderOption & { readonly clear?: boolean },
): Promise<void> {
  if (!flags.every(isWord)) throw new UsageError('a flag is a word of small letters');
  const { folder, id } = await find(homeOf(options), number, options);
  const now = await folder.flag(
    id,
    flags.map((word) => ({ sign: options.clear ? '-' : '+', word }) as const),
  );
  if (options.json) printJson(now);
  else print(now.length === 0 ? 'no flags' : now.join(' '));
}

export async function removeLetter(number: number, options: OnlineOptions & FolderOption): Promise<void> {
  const home = homeOf(options);
  const { folder, id } = await find(home, number, options);
  const client = await openMailbox(await home.account(), wayOf(options));
  await client.remove(options.folder, id).finally(() => client.done());
  await folder.remove(id);
  if (options.json) printJson({ removed: id });
  else print('deleted');
}

async function folderOf(home: ImaHome, name: string): Promise<MailFolder> {
  if (!isFolder(name)) throw new UsageError(`${name} is no folder`);
  const mailbox = new Mailbox(home.mail, tools);
  await mailbox.make();
  return mailbox.folder(name);
}

async function find(
  home: ImaHome,
  number: number,
  { folder: name }: FolderOption,
): Promise<{ folder: MailFolder; id: string; letter: Letter }> {
  const folder = await folderOf(home, name);
  const id = (await folder.list())[number - 1]?.id;
  if (id === undefined) throw new UsageError(`there is no message ${number} in ${name}`, 'postern ima list');
  return { folder, id, letter: await folder.read(id) };
}

/** Who wrote it, and who sent it where that is somebody else.   spec: ima 2.4 */
function senderShown({ head }: Pick<Letter, 'head'>): string {
  const name = headerOf(head, 'from-name');
  const writer = name === undefined ? head.from : `${name} <${head.from}>`;
  return head.mailer === undefined || head.mailer === head.from ? writer : `${writer}, sent by ${head.mailer}`;
}
