// What the IMMP commands share: the account that they work as, one conversation with its server, and names of folders and messages.

import { systemRandom } from '../../base/random.ts';
import { systemClock } from '../../base/time.ts';
import { type Courier, converse } from '../../immp/client/courier.ts';
import { ClientError, type ClientErrorCode } from '../../immp/client/errors.ts';
import { type Account, type Home, openHome, readAccount, readAddress } from '../../immp/client/home.ts';
import { index } from '../../immp/client/mailbox.ts';
import type { ImmpSession } from '../../immp/client/session.ts';
import { formatImid } from '../../immp/wire/imid.ts';
import { formatTarget, type Target, target as targetKind } from '../../immp/wire/target.ts';
import { systemResolver } from '../../net/resolver.ts';
import type { OfflineOptions, OnlineOptions } from '../client-options.ts';
import { UsageError } from '../command.ts';
import { passwordOf } from '../password.ts';
import { userFolder } from '../user-folder.ts';

export interface UserOptions extends OnlineOptions {
  readonly account?: string;
}

export interface MailboxOptions extends UserOptions {
  readonly mailbox?: string;
}

/** How far back a message is looked for by the beginning of its UUID. */
const LOOKED_THROUGH = 1000;

export function homeOf(options: OfflineOptions): Promise<Home> {
  return openHome(userFolder(options, 'immp'));
}

export function courierOf(home: Home, options: OnlineOptions): Courier {
  return { home, clock: systemClock, random: systemRandom, resolver: systemResolver, proxy: options.proxy };
}

export async function accountOf(home: Home, { account }: UserOptions): Promise<Account> {
  return readAccount(home, account === undefined ? undefined : readAddress(account));
}

/** Runs `work` in one conversation as the account. */
export async function asUser<T>(
  options: UserOptions,
  work: (session: ImmpSession, account: Account) => Promise<T>,
): Promise<T> {
  const home = await homeOf(options);
  const account = await accountOf(home, options);
  return converse(
    courierOf(home, options),
    account,
    () => passwordOf(formatImid(account.imid)),
    (session) => work(session, account),
  );
}

/** What `work` gives; a refusal with one of these codes gets the remedy that fits what was asked. */
export async function advised<T>(remedies: Readonly<Record<string, string>>, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const remedy = error instanceof ClientError && error.reply !== undefined ? remedies[error.reply.code] : undefined;
    if (!(error instanceof ClientError) || error.reply === undefined || remedy === undefined) throw error;
    throw new ClientError(error.code as ClientErrorCode, error.message, { cause: error, reply: error.reply, remedy });
  }
}

/** A folder as a person writes it: `inbox/Lists`, `/inbox/Lists` or `:inbox/Lists`; `/` is the mailbox as a whole. */
export function folderNamed(text: string, { mailbox }: Pick<MailboxOptions, 'mailbox'>): Target {
  const path = text.replace(/^[:/]/, '');
  const found = readTarget(`/${path}`);
  if (found === undefined || found.uuid !== undefined) {
    throw new UsageError(`${text} is no name of a folder`, 'it looks like inbox/Lists');
  }
  return { ...found, ...(mailbox === undefined ? {} : { base: readAddress(mailbox) }) };
}

/** The messages that `text` names: all of the folder for `*`, one by its UUID, or by the beginning of it. */
export async function messagesNamed(
  session: ImmpSession,
  text: string,
  options: MailboxOptions & { readonly folder: string },
): Promise<Target> {
  const folder = folderNamed(options.folder, options);
  if (text === '*') return { ...folder, filter: '*' };
  if (text.includes('#')) {
    const found = readTarget(text);
    if (found?.uuid === undefined) throw noMessage(text);
    return found;
  }
  // A whole UUID finds it in whatever folder.
  const whole = readTarget(`/#${text}`);
  if (whole !== undefined) return { ...whole, ...(folder.base === undefined ? {} : { base: folder.base }) };
  if (!/^[0-9a-f-]{4,}$/i.test(text)) throw noMessage(text);
  const entries = await index(session, folder, { limit: LOOKED_THROUGH });
  const found = new Set(entries.map(({ uuid }) => uuid).filter((uuid) => uuid.startsWith(text.toLowerCase())));
  const [uuid] = found;
  if (uuid === undefined) throw noMessage(text);
  if (found.size > 1)
    throw new UsageError(`there are ${found.size} messages that begin with ${text}`, 'write more of it');
  return { ...folder, uuid };
}

export function folderPath(target: Target): string {
  return formatTarget({ folders: target.folders }).replace(/^"|"$/g, '');
}

function readTarget(text: string): Target | undefined {
  try {
    return targetKind.read(text.includes(' ') ? `"${text}"` : text);
  } catch {
    return undefined;
  }
}

function noMessage(text: string): ClientError {
  return new ClientError('unknown', `there is no message ${text}`, {
    remedy: 'postern immp index shows them; --folder says in which folder to look',
  });
}
