// `postern smtp`: asks the office, running or not, and shows the answer.

import { formatSize } from '../../base/text.ts';
import { askOffice } from '../ask-office.ts';
import { agreed } from '../ask-person.ts';
import type { OfficeOptions, YesOption } from '../command.ts';
import { facts, print, printJson, table } from '../output.ts';

type Options = OfficeOptions;

interface Waiting {
  readonly id: string;
  readonly from: string;
  readonly size: number;
  readonly since: number;
  readonly attempts: number;
  readonly recipients: readonly { readonly address: string; readonly state: string; readonly words: string }[];
}

export async function listQueue({ data, json }: Options): Promise<void> {
  const answer = (await askOffice(data, 'smtp', 'queue.list', {})) as { waiting: number; messages: Waiting[] };
  if (json) return printJson(answer);
  if (answer.messages.length === 0) return print('nothing waits');
  const rows = answer.messages.map(({ id, from, recipients, size, since, attempts }) => {
    const open = recipients.filter(({ state }) => state === 'waiting');
    const to = open.length === 1 ? (open[0]?.address ?? '') : `${open.length} recipients`;
    return [id, day(since), formatSize(size), attempts, from || '(nobody)', to];
  });
  print(table(['message', 'since', 'size', 'tried', 'from', 'waits for'], rows));
}

export async function showMessage(id: string, { data, json }: Options): Promise<void> {
  const answer = (await askOffice(data, 'smtp', 'queue.show', { id })) as Waiting;
  if (json) return printJson(answer);
  const { from, size, since, attempts, recipients } = answer;
  print(
    facts([
      ['from', from || '(nobody)'],
      ['since', day(since)],
      ['size', formatSize(size)],
      ['tried', String(attempts)],
    ]),
  );
  print(
    table(
      ['recipient', 'state', 'why'],
      recipients.map(({ address, state, words }) => [address, state, words]),
    ),
  );
}

export async function retry(id: string | undefined, { data, json }: Options): Promise<void> {
  const answer = (await askOffice(data, 'smtp', 'queue.retry', id === undefined ? {} : { id })) as { due: number };
  if (json) printJson(answer);
  else print(`${answer.due} ${answer.due === 1 ? 'message is' : 'messages are'} tried now`);
}

export async function drop(id: string, { data, json, yes }: Options & YesOption): Promise<void> {
  await agreed(`Throw away the message ${id}?`, yes);
  await askOffice(data, 'smtp', 'queue.drop', { id });
  if (json) printJson({ id, dropped: true });
  else print(`dropped ${id}`);
}

export async function showDkim({ data, json }: Options): Promise<void> {
  const answer = (await askOffice(data, 'smtp', 'dkim.show', {})) as { records: { name: string; value: string }[] };
  if (json) return printJson(answer);
  for (const { name, value } of answer.records) print(`${name}. IN TXT ${inStrings(value)}`);
}

export async function sendTest(to: string, { data, json, from }: Options & { from?: string }): Promise<void> {
  const asked = { to, ...(from === undefined ? {} : { from }) };
  const answer = (await askOffice(data, 'smtp', 'send-test', asked)) as { from: string };
  if (json) printJson(answer);
  else print(`queued, from ${answer.from}; what becomes of it: postern smtp queue list`);
}

export async function listSuppressed({ data, json }: Options): Promise<void> {
  const listed = (await askOffice(data, 'smtp', 'suppress.list', {})) as { address: string; since: number }[];
  if (json) return printJson(listed);
  if (listed.length === 0) return print('nobody');
  print(
    table(
      ['address', 'since'],
      listed.map(({ address, since }) => [address, day(since)]),
    ),
  );
}

export async function suppress(address: string, { data, json }: Options): Promise<void> {
  const answer = (await askOffice(data, 'smtp', 'suppress.add', { address })) as { added: boolean };
  if (json) printJson(answer);
  else print(answer.added ? `${address} gets no mail from here` : `${address} stood there already`);
}

export async function allow(address: string, { data, json }: Options): Promise<void> {
  const answer = (await askOffice(data, 'smtp', 'suppress.remove', { address })) as { removed: boolean };
  if (json) printJson(answer);
  else print(answer.removed ? `${address} may get mail again` : `${address} did not stand there`);
}

/** A record's text in strings of at most 255 octets, as a zone file has it. */
function inStrings(value: string): string {
  return (value.match(/.{1,255}/g) ?? []).map((part) => `"${part}"`).join(' ');
}

function day(time: number): string {
  return new Date(time).toISOString().slice(0, 16).replace('T', ' ');
}
