// `postern nym inbox`, `read`, `send`, `fetch` and `delete`.

import { formatSize } from '../../base/text.ts';
import type { HeldMail } from '../../nym/holder/record.ts';
import { splitMail } from '../../nym/synopsis.ts';
import { readInput } from '../mix/input.ts';
import { harmless, print, printJson, table } from '../output.ts';
import { type NymOptions, withNyms } from './desk.ts';

interface SendOptions extends NymOptions {
  readonly to: readonly string[];
  readonly input: string;
  readonly subject?: string;
  readonly from?: string;
  readonly inReplyTo?: number;
}

export async function inbox(options: NymOptions): Promise<void> {
  const { value: mails } = await withNyms(
    { ...options, send: false },
    async ({ nyms }) => nyms.find(options.nym).mails,
  );
  if (options.json) return printJson(mails);
  if (mails.length === 0) return print('there is no mail');
  const rows = mails.map((mail) => {
    return [mail.number, stateOf(mail), mail.from, mail.subject, formatSize(mail.octets)];
  });
  print(table(['number', 'state', 'from', 'subject', 'size'], rows));
}

export async function read(number: number, options: NymOptions): Promise<void> {
  const { value } = await withNyms({ ...options, send: false }, ({ nyms }) => nyms.find(options.nym).read(number));
  const { mail, text } = value;
  if (options.json) return printJson({ ...mail, text: text.toString('utf8') });
  for (const line of text.toString('utf8').split(/\r?\n/)) print(harmless(line));
  if (mail.state === 'synopsis')
    print(`\n(This is its beginning: \`postern nym fetch ${number}\` asks for all of it.)`);
}

export async function send(options: SendOptions): Promise<void> {
  const body = await readInput(options.input, 'the mail');
  const step = await withNyms(options, async ({ nyms }) => {
    const holder = nyms.find(options.nym);
    const answered = options.inReplyTo === undefined ? undefined : await holder.read(options.inReplyTo);
    const headers = new Map<string, string>();
    if (options.from !== undefined) headers.set('FROM', options.from);
    const subject = options.subject ?? (answered && `Re: ${answered.mail.subject.replace(/^re:\s*/i, '')}`);
    if (subject !== undefined) headers.set('SUBJECT', subject);
    const id = answered && messageIdOf(answered.text);
    if (id !== undefined) headers.set('IN-REPLY-TO', id);
    await holder.send({ to: options.to, headers, body });
    return holder.address;
  });
  if (options.json)
    return printJson({ from: step.value, to: options.to, packets: step.packets, waiting: step.waiting });
  print(`the mail is on its way to the server of ${step.value}`);
}

export async function fetch(numbers: readonly number[], options: NymOptions): Promise<void> {
  const { messages, packets } = await withNyms(options, async ({ nyms }) => {
    const holder = nyms.find(options.nym);
    if (numbers.length === 0) await holder.fetchSummaries();
    else await holder.fetch(numbers);
  });
  if (options.json) printJson({ messages, packets });
  else print('the server is asked; answers take hours');
}

export async function remove(numbers: readonly number[], options: NymOptions): Promise<void> {
  const { messages, packets } = await withNyms(options, ({ nyms }) => nyms.find(options.nym).delete(numbers));
  if (options.json) printJson({ deleted: numbers, messages, packets });
  else print('deleted here; the server is told with what goes to it next');
}

function stateOf({ state, read: isRead, wanted, copy }: HeldMail): string {
  if (state === 'here') return isRead ? 'read' : 'new';
  if (copy === 'gone') return 'lost there';
  return wanted === undefined ? 'at the server' : 'asked for';
}

function messageIdOf(mail: Buffer): string | undefined {
  return splitMail(mail).headers.find(({ name }) => name.toLowerCase() === 'message-id')?.value;
}
