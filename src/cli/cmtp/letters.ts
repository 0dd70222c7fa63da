// `postern cmtp send`, `list`, `read`, `save`, `delete` and `outbox`.

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { text as textOf } from 'node:stream/consumers';
import { codeOf, messageOf } from '../../base/errors.ts';
import { drop } from '../../base/outbox.ts';
import { formatSize } from '../../base/text.ts';
import { SECOND, systemClock } from '../../base/time.ts';
import { unlock } from '../../cmtp/client/accounts.ts';
import { type Address, formatAddress, readAddress } from '../../cmtp/client/address.ts';
import type { Courier } from '../../cmtp/client/courier.ts';
import { ClientError } from '../../cmtp/client/errors.ts';
import type { Account, Home } from '../../cmtp/client/home.ts';
import {
  deleteLetter,
  fetchLetters,
  readLetter as readSaved,
  type SavedLetter,
  savedLetter,
  savedLetters,
} from '../../cmtp/client/letters.ts';
import { glanceAt, type KeyOf, type OpenMessage, openMessage } from '../../cmtp/client/open-message.ts';
import { outboxOf } from '../../cmtp/client/outbox.ts';
import { carryLetter, type Letter, mayPass, postLetter, senderKeys } from '../../cmtp/client/sending.ts';
import type { KeyPair } from '../../cmtp/crypto/keys.ts';
import { openXzibit } from '../../cmtp/crypto/xzibit.ts';
import { writeInEditor } from '../ask-person.ts';
import type { OfflineOptions, OnlineOptions } from '../client-options.ts';
import { UsageError } from '../command.ts';
import { type OutboxOptions, sendDue, stillWaiting, workOnOutbox } from '../outbox.ts';
import { facts, harmless, print, printJson, showProgress, table } from '../output.ts';
import { accountOf, deskOf, homeOf, passphraseOf, withCourier } from './client.ts';

type From = { readonly from?: string };

interface SendOptions extends OnlineOptions, From {
  readonly subject: string;
  readonly copy: readonly string[];
  readonly attach: readonly string[];
  readonly sign?: boolean;
  readonly bare?: boolean;
  readonly newKey?: boolean;
}

export async function sendLetter(to: string, given: string | undefined, options: SendOptions): Promise<void> {
  const home = await homeOf(options);
  const account = await accountOf(home, options.from);
  const readers = [to, ...options.copy].map(readAddress);
  const pairs = await unlock(account, await passphraseOf(account));
  const attachments = await Promise.all(options.attach.map(readAttachment));
  const text = given ?? (process.stdin.isTTY ? await writeInEditor(home.folder) : await textOf(process.stdin));
  if (text.trim() === '' && attachments.length === 0) throw new UsageError('the message is empty; nothing was sent');
  const draft: Omit<Letter, 'to'> = {
    date: options.bare ? undefined : Math.floor(systemClock.now() / SECOND),
    subject: options.subject,
    replyTo: '',
    copies: options.copy,
    text,
    attachments,
    isSigned: options.sign === true,
    takesNewKey: options.newKey === true,
  };
  const waiting = await withCourier(options, 'sealing', (courier) =>
    Promise.all(readers.map((reader) => postLetter(courier, account, pairs[0], { ...draft, to: reader }))),
  );
  const report: { to: string; size: number; confirmed: boolean }[] = [];
  let failure: unknown;
  for (const letter of waiting) {
    const name = formatAddress(letter.to);
    try {
      const carried = await withCourier(options, `sending to ${name}`, (courier) =>
        carryLetter(courier, account, pairs, letter),
      );
      if (carried === undefined) continue; // another process has sent it meanwhile, and said so
      const { sent, size } = carried;
      report.push({ to: name, size, confirmed: sent === 'stored' });
      const fate = sent === 'stored' ? "on the server's disk" : 'read by an old server, which confirms nothing';
      if (!options.json) print(`sent to ${name}: ${formatSize(size)} ${fate}`);
    } catch (error) {
      if (!mayPass(error)) await drop(outboxOf(home), letter); // whoever wrote it is told, here and now
      failure ??= mayPass(error) ? stillWaiting(deskOf(home), letter, error) : error;
    }
  }
  if (options.json) printJson(report);
  if (failure !== undefined) throw failure;
  await withCourier(options, 'sending what waits', (courier) => sendWaiting(courier, account, pairs));
}

/** Sends what this account's outbox holds. What cannot leave stays, and is for the next time. */
async function sendWaiting(courier: Courier, account: Account, pairs: [KeyPair, ...KeyPair[]]): Promise<void> {
  const own = formatAddress(account);
  await sendDue(deskOf(courier.home), async (letter) => {
    if (formatAddress(letter.from) === own) await carryLetter(courier, account, pairs, letter);
  });
}

export async function showOutbox(options: OutboxOptions): Promise<void> {
  await workOnOutbox(deskOf(await homeOf(options)), options);
}

async function readAttachment(path: string) {
  try {
    return { name: basename(path), content: await readFile(path) };
  } catch (error) {
    throw new UsageError(
      `cannot attach ${path}: ${codeOf(error) === 'ENOENT' ? 'there is no such file' : messageOf(error)}`,
    );
  }
}

export async function listLetters(
  text: string | undefined,
  options: OnlineOptions & { offline?: boolean },
): Promise<void> {
  const home = await homeOf(options);
  const account = await accountOf(home, text);
  const pairs = await unlock(account, await passphraseOf(account));
  if (!options.offline) {
    await withCourier(options, 'fetching', async (courier) => {
      await fetchLetters(courier, account, pairs[0]);
      await sendWaiting(courier, account, pairs);
    });
  }
  const rows: Row[] = [];
  for (const saved of await savedLetters(home, account)) rows.push(await lookInto(saved, pairs));
  if (options.json) return printJson(rows);
  if (rows.length === 0) return print(`${formatAddress(account)} has no messages`);
  const lines = rows.map((row) => [
    row.number,
    row.date?.slice(0, 16).replace('T', ' ') ?? '',
    row.from,
    row.signed ? 'yes' : '',
    row.attached === 0 ? '' : row.attached,
    row.subject,
  ]);
  print(table(['no.', 'written (UTC)', 'from (unverified)', 'signed', 'files', 'subject'], lines));
}

interface Row {
  readonly number: number;
  readonly date: string | undefined;
  /** Unverified: `read` checks the signature, if there is one. */
  readonly from: string;
  readonly signed: boolean;
  readonly attached: number;
  readonly subject: string;
}

async function lookInto(saved: SavedLetter, pairs: readonly KeyPair[]): Promise<Row> {
  const { number } = saved;
  try {
    const { from, signed, attached, ...letter } = glanceAt(await readSaved(saved), pairs);
    const subject = letter.subject || letter.text.split('\n', 1)[0]?.slice(0, 60) || '';
    return { number, date: dateOf(letter), from: senderOf(from), signed, attached, subject };
  } catch (error) {
    if (!(error instanceof ClientError)) throw error;
    return { number, date: undefined, from: '', signed: false, attached: 0, subject: `(${error.message})` };
  }
}

export async function readLetter(
  number: number,
  options: OnlineOptions & From & { offline?: boolean; log?: boolean },
): Promise<void> {
  const home = await homeOf(options);
  const account = await accountOf(home, options.from);
  const passphrase = await passphraseOf(account);
  const letter = await withCourier(options, 'asking for the key of the signature', (courier) => {
    const keyOf: KeyOf = options.offline ? async () => undefined : senderKeys(courier, account, passphrase);
    return open(home, account, number, passphrase, keyOf);
  });
  if (options.json) return printJson(asJson(letter));
  print(facts(headOf(letter)));
  if (options.log) for (const line of letter.log) print(harmless(`log (unverified)  ${line}`));
  print('');
  const lines = letter.text.replace(/\n$/, '').split('\n');
  print(lines.map((line) => harmless(line.replaceAll('\t', '    '))).join('\n'));
}

async function open(home: Home, account: Account, number: number, passphrase: string, keyOf: KeyOf) {
  const pairs = await unlock(account, passphrase);
  return openMessage(await readSaved(await savedLetter(home, account, number)), pairs, keyOf);
}

function headOf(letter: OpenMessage): [string, string][] {
  const head: [string, string][] = [['from', `${senderOf(letter.from)} ${inWords(letter)}`]];
  const date = dateOf(letter);
  if (date !== undefined) head.push(['written', date.slice(0, 19).replace('T', ' ')]);
  if (letter.subject !== '') head.push(['subject', letter.subject]);
  if (letter.replyTo !== '') head.push(['reply to', letter.replyTo]);
  for (const copy of letter.copies) head.push(['copy to', copy]);
  for (const { name, content } of letter.attachments)
    head.push(['attached', `${name} (${formatSize(content.length)})`]);
  return head;
}

/** spec: cmtp 9 D20 */
function inWords({ signature }: OpenMessage): string {
  switch (signature) {
    case 'none':
      return '(unverified: anybody may have written this)';
    case 'good':
      return '(signed by this account)';
    case 'unknown':
      return '(signed, but the key of this account is not at hand: unverified)';
    case 'bad':
      return '(the signature is NOT of the key that this account has now: do not believe it)';
  }
}

function asJson({ attachments, from, to, ...letter }: OpenMessage) {
  const files = attachments.map(({ name, content }) => ({ name, size: content.length }));
  return { ...letter, from: senderOf(from), to: formatAddress(to), date: dateOf(letter), attachments: files };
}

function dateOf({ date }: Pick<OpenMessage, 'date'>): string | undefined {
  return date === undefined ? undefined : new Date(date * SECOND).toISOString();
}

function senderOf(from: Address): string {
  return from.account === '' ? `the server of ${from.domain}` : formatAddress(from);
}

export async function saveAttachments(number: number, options: OfflineOptions & From & { to: string }): Promise<void> {
  const home = await homeOf(options);
  const account = await accountOf(home, options.from);
  const { attachments } = await open(home, account, number, await passphraseOf(account), async () => undefined);
  await mkdir(options.to, { recursive: true });
  const total = attachments.reduce((sum, { content }) => sum + content.length, 0);
  const bar = await showProgress(`saving ${attachments.length} files`);
  const saved: { path: string; size: number }[] = [];
  try {
    let done = 0;
    for (const { name, content } of attachments) {
      const path = join(options.to, name);
      await writeNew(path, content);
      saved.push({ path, size: content.length });
      done += content.length;
      bar.update(done, total);
    }
  } finally {
    bar.stop();
  }
  if (options.json) return printJson(saved);
  if (saved.length === 0) return print('nothing is attached');
  for (const { path, size } of saved) print(`saved ${harmless(path)} (${formatSize(size)})`);
}

async function writeNew(path: string, content: Uint8Array): Promise<void> {
  try {
    await writeFile(path, content, { flag: 'wx' });
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
    throw new UsageError(`${path} is there already; it was not overwritten`, 'choose another folder with --to');
  }
}

export async function removeLetter(number: number, options: OnlineOptions & From): Promise<void> {
  const home = await homeOf(options);
  const account = await accountOf(home, options.from);
  const letter = await savedLetter(home, account, number);
  const own = await openXzibit(account.xzibit, await passphraseOf(account));
  await withCourier(options, `deleting ${number}`, (courier) => deleteLetter(courier, account, own, letter));
  if (options.json) printJson({ number, deleted: true });
  else print(`deleted message ${number}`);
}
