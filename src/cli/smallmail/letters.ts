// `postern smallmail send`, `list`, `read`, `delete` and `outbox`.

import { readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { text as textOf } from 'node:stream/consumers';
import { codeOf, messageOf } from '../../base/errors.ts';
import { systemRandom } from '../../base/random.ts';
import { formatDuration, formatSize } from '../../base/text.ts';
import { SECOND, sleep, systemClock } from '../../base/time.ts';
import { formatAddress } from '../../smallmail/client/address.ts';
import { ClientError } from '../../smallmail/client/errors.ts';
import { deleteLetter, fetchMailbox } from '../../smallmail/client/fetching.ts';
import { type Home, readMailbox } from '../../smallmail/client/home.ts';
import type { OwnKey } from '../../smallmail/client/key-pair.ts';
import { type Draft, sealLetter } from '../../smallmail/client/letter.ts';
import { type SavedLetter, savedLetter, savedLetters } from '../../smallmail/client/letters.ts';
import { type Letter, openLetter } from '../../smallmail/client/open-letter.ts';
import { carryLetter, postLetter } from '../../smallmail/client/sending.ts';
import { writeInEditor } from '../ask-person.ts';
import type { OfflineOptions, OnlineOptions } from '../client-options.ts';
import { UsageError } from '../command.ts';
import { type OutboxOptions, stillWaiting, workOnOutbox } from '../outbox.ts';
import { facts, harmless, print, printJson, table } from '../output.ts';
import { deskOf, homeOf, unlock, withCourier } from './client.ts';
import { type Acquaintance, acquaintances, findRecipient, nameOf } from './people.ts';

interface SendOptions extends OnlineOptions {
  readonly from?: string;
  readonly subject: string;
  readonly attach: readonly string[];
  readonly now?: boolean;
}

export async function sendLetter(recipient: string, given: string | undefined, options: SendOptions): Promise<void> {
  const home = await homeOf(options);
  const { address: to, key } = await findRecipient(home, recipient);
  const sender = options.from === undefined ? undefined : await readMailbox(home, options.from);
  const signer = sender && (await unlock(sender));
  const now = systemClock.now();
  const draft: Draft = {
    to,
    ...(sender && signer ? { from: sender.address, senderKey: signer.publicKey } : {}),
    subject: options.subject,
    text: given ?? (process.stdin.isTTY ? await writeInEditor(home.folder) : await textOf(process.stdin)),
    attachments: await Promise.all(options.attach.map(readAttachment)),
    date: now,
  };
  if (draft.text.trim() === '' && draft.attachments.length === 0)
    throw new UsageError('the letter is empty; nothing was sent');
  const body = await sealLetter(draft, { recipientKey: key, signer, now, random: systemRandom });
  const about = `sending ${formatSize(body.length)}`;
  const waiting = await withCourier(options, about, (courier) => postLetter(courier, to, body, options.now === true));
  const delay = waiting.notBefore - systemClock.now();
  if (delay > 0) {
    const note = `the letter leaves in ${inWords(delay)}; when this is ended before, \`postern smallmail fetch\` sends it`;
    print(note, process.stderr);
    await sleep(systemClock, delay);
  }
  try {
    await withCourier(options, about, (courier) => carryLetter(courier, waiting));
  } catch (error) {
    throw stillWaiting(await deskOf(home), waiting, error);
  }
  if (options.json) printJson({ to: formatAddress(to), size: body.length });
  else print(`sent to ${recipient}: ${formatSize(body.length)} on the server's disk`);
}

async function readAttachment(path: string) {
  try {
    return { name: basename(path), type: 'application/octet-stream', content: await readFile(path) };
  } catch (error) {
    throw new UsageError(
      `cannot attach ${path}: ${codeOf(error) === 'ENOENT' ? 'there is no such file' : messageOf(error)}`,
    );
  }
}

export async function listLetters(label: string, options: OnlineOptions & { offline?: boolean }): Promise<void> {
  const home = await homeOf(options);
  const mailbox = await readMailbox(home, label);
  const own = await unlock(mailbox);
  if (!options.offline) {
    await withCourier(options, `fetching ${label}`, (courier) =>
      fetchMailbox(courier, mailbox, own, { remove: false }),
    );
  }
  const people = await acquaintances(home);
  const rows = await Promise.all(
    (await savedLetters(home, label)).map((saved) => lookInto(home, label, saved, own, people)),
  );
  if (options.json) return printJson(rows);
  if (rows.length === 0) return print(`${label} is empty`);
  const lines = rows.map((row) => [
    row.number,
    row.date?.slice(0, 16).replace('T', ' ') ?? '',
    row.from,
    row.signed,
    row.subject,
  ]);
  print(table(['no.', 'written (UTC)', 'from', 'signed', 'subject'], lines));
}

interface Row {
  readonly number: number;
  readonly id: string;
  readonly date: string | undefined;
  readonly from: string;
  readonly signed: string;
  readonly subject: string;
}

async function lookInto(
  home: Home,
  label: string,
  saved: SavedLetter,
  own: OwnKey,
  people: readonly Acquaintance[],
): Promise<Row> {
  const { number, id } = saved;
  try {
    const letter = await openSaved(home, label, number, own, people);
    const date = letter.date === undefined ? undefined : new Date(letter.date).toISOString();
    return { number, id, date, from: senderOf(letter, people), signed: signatureMark(letter), subject: letter.subject };
  } catch (error) {
    if (!(error instanceof ClientError)) throw error;
    return { number, id, date: undefined, from: '', signed: '', subject: `(${error.message})` };
  }
}

async function openSaved(home: Home, label: string, number: number, own: OwnKey, people: readonly Acquaintance[]) {
  const { body } = await savedLetter(home, label, number);
  return openLetter(
    body,
    own,
    people.map(({ key }) => key),
    systemClock.now(),
  );
}

export async function readLetter(
  label: string,
  number: number,
  options: OfflineOptions & { save?: string },
): Promise<void> {
  const home = await homeOf(options);
  const own = await unlock(await readMailbox(home, label));
  const people = await acquaintances(home);
  const letter = await openSaved(home, label, number, own, people);
  if (options.save !== undefined) await saveAttachments(letter, options.save);
  if (options.json) return printJson(asJson(letter));
  print(facts(headOf(letter, people, `${label}/${number}`)));
  print('');
  print(
    letter.text
      .replace(/\n$/, '')
      .split('\n')
      .map((line) => harmless(line.replaceAll('\t', '    ')))
      .join('\n'),
  );
}

function headOf(letter: Letter, people: readonly Acquaintance[], name: string): (readonly [string, string])[] {
  const head: [string, string][] = [];
  if (letter.fromText !== '') head.push(['from', senderOf(letter, people)]);
  if (letter.subject !== '') head.push(['subject', letter.subject]);
  if (letter.date !== undefined) head.push(['written', new Date(letter.date).toUTCString()]);
  head.push(['signed', signatureInWords(letter, people)]);
  if (letter.doubts.includes('other-sender'))
    head.push(['CAUTION', 'the sender that it names is not the one who signed it']);
  if (letter.doubts.includes('other-recipient'))
    head.push(['CAUTION', 'it was written to another mailbox, and handed on']);
  for (const { name: file, content } of letter.attachments)
    head.push(['attached', `${file} (${formatSize(content.length)})`]);
  const isNew = !people.some(({ address }) => address.mailbox === letter.from?.mailbox);
  if (letter.senderKey !== undefined && letter.from !== undefined && isNew) {
    head.push(['to answer', `postern smallmail contacts add NAME --letter ${name}`]);
  }
  return head;
}

function asJson({ attachments, senderKey, from, to, date, ...letter }: Letter) {
  return {
    ...letter,
    from: from && formatAddress(from),
    to: to && formatAddress(to),
    date: date === undefined ? undefined : new Date(date).toISOString(),
    attachments: attachments.map(({ name, type, content }) => ({ name, type, size: content.length })),
    hasSenderKey: senderKey !== undefined,
  };
}

function senderOf(letter: Letter, people: readonly Acquaintance[]): string {
  if (letter.from === undefined) return letter.fromText === '' ? '(nobody)' : letter.fromText;
  return nameOf(letter.from.mailbox, people) ?? formatAddress(letter.from);
}

function signatureMark({ signature, doubts }: Letter): string {
  if (doubts.length > 0) return 'DOUBT';
  return { none: '', good: 'yes', attached: 'own key', unknown: 'unknown', bad: 'BAD' }[signature.kind];
}

function signatureInWords({ signature }: Letter, people: readonly Acquaintance[]): string {
  switch (signature.kind) {
    case 'none':
      return 'by nobody: anybody may have written this';
    case 'good':
      return `by ${nameOf(signature.mailbox, people) ?? signature.mailbox}`;
    case 'attached':
      return `by the key that came along, ${signature.mailbox}: whose that is nobody here has said`;
    case 'unknown':
      return `by a key that is not here, ${signature.keyId}`;
    case 'bad':
      return 'with a signature that is WRONG: do not believe it';
  }
}

async function saveAttachments({ attachments }: Letter, folder: string): Promise<void> {
  for (const { name, content } of attachments) {
    const path = join(folder, name);
    try {
      await writeFile(path, content, { flag: 'wx' });
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
      throw new UsageError(`${path} is there already; nothing was overwritten`, 'choose another folder');
    }
    print(`saved ${harmless(path)}`, process.stderr);
  }
}

export async function removeLetter(label: string, number: number, options: OnlineOptions): Promise<void> {
  const home = await homeOf(options);
  const mailbox = await readMailbox(home, label);
  const letter = await savedLetter(home, label, number);
  const own = await unlock(mailbox);
  await withCourier(options, `deleting ${number}`, (courier) => deleteLetter(courier, mailbox, own, letter));
  if (options.json) printJson({ name: label, number, deleted: true });
  else print(`deleted letter ${number} of ${label}`);
}

export async function showOutbox(options: OutboxOptions): Promise<void> {
  await workOnOutbox(await deskOf(await homeOf(options)), options);
}

function inWords(delay: number): string {
  return formatDuration(Math.ceil(delay / SECOND) * SECOND);
}
