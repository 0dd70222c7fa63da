// `postern immp account`: what the operator of an office asks it, running or not.   spec: immp 2.9

import { formatSize, parseSize } from '../../base/text.ts';
import { askOffice } from '../ask-office.ts';
import { agreed } from '../ask-person.ts';
import { type OfficeOptions, UsageError, type YesOption } from '../command.ts';
import { print, printJson, table } from '../output.ts';
import { newPasswordFor, type PasswordOption } from '../password.ts';

type Options = OfficeOptions;

interface Listed {
  readonly accounts: readonly {
    readonly account: string;
    readonly used: { readonly messages: number; readonly bytes: number };
    readonly quota: { readonly bytes: number };
    readonly owner?: string;
    readonly members: Readonly<Record<string, string>>;
    readonly links: readonly string[];
  }[];
  readonly next?: string;
}

export async function list({ data, json }: Options): Promise<void> {
  const all: Listed['accounts'][number][] = [];
  for (let after: string | undefined = ''; after !== undefined; ) {
    const page: Listed = (await askOffice(data, 'immp', 'account.list', { after })) as Listed;
    all.push(...page.accounts);
    after = page.next;
  }
  if (json) return printJson(all);
  if (all.length === 0) return print('there are no accounts yet: postern immp account add NAME');
  const rows = all.map(({ account, used, quota, owner, members, links }) => [
    account,
    used.messages,
    formatSize(used.bytes),
    formatSize(quota.bytes),
    owner === undefined ? links.join(' ') : Object.keys(members).join(' '),
  ]);
  print(table(['mailbox', 'messages', 'size', 'of', 'members or links'], rows));
}

export async function add(name: string, options: Options & PasswordOption & { quota?: string }): Promise<void> {
  const quota = options.quota === undefined ? {} : { quota: sizeOf(options.quota) };
  const password = await newPasswordFor(name, options);
  const answer = (await askOffice(options.data, 'immp', 'account.add', { name, password, ...quota })) as {
    account: string;
  };
  say(options, answer, `made ${answer.account}`);
}

export async function passwd(name: string, options: Options & PasswordOption): Promise<void> {
  const password = await newPasswordFor(name, options);
  const answer = (await askOffice(options.data, 'immp', 'account.passwd', { name, password })) as { account: string };
  say(options, answer, `${answer.account} has a new password`);
}

export async function remove(name: string, options: Options & YesOption): Promise<void> {
  await agreed(`Remove ${name} with all its mail?`, options.yes);
  const answer = (await askOffice(options.data, 'immp', 'account.remove', { name })) as { account: string };
  say(options, answer, `removed ${answer.account} and all its mail`);
}

export async function quota(name: string, size: string, options: Options): Promise<void> {
  const bytes = sizeOf(size);
  const answer = (await askOffice(options.data, 'immp', 'account.quota', { name, bytes })) as { account: string };
  say(options, answer, `${answer.account} holds ${formatSize(bytes)}`);
}

export async function link(name: string, mailbox: string, options: Options): Promise<void> {
  const answer = (await askOffice(options.data, 'immp', 'account.link', { name, mailbox })) as Linked;
  say(options, answer, `${answer.account} may use ${answer.mailbox}`);
}

export async function unlink(name: string, mailbox: string, options: Options): Promise<void> {
  const answer = (await askOffice(options.data, 'immp', 'account.unlink', { name, mailbox })) as Linked;
  say(options, answer, `${answer.account} may not use ${answer.mailbox} any more`);
}

interface Linked {
  readonly account: string;
  readonly mailbox: string;
}

export async function share(name: string, options: Options & { owner: string }): Promise<void> {
  const asked = { name, owner: options.owner };
  const answer = (await askOffice(options.data, 'immp', 'shared.add', asked)) as { mailbox: string; owner: string };
  say(options, answer, `made ${answer.mailbox}, owned by ${answer.owner}`);
}

export async function addMember(group: string, account: string, options: Options & { as?: string }): Promise<void> {
  const member = options.as ?? account.replace(/@.*$/, '');
  const answer = (await askOffice(options.data, 'immp', 'member.add', { group, member, account })) as Linked;
  say(options, answer, `${answer.account} is a member; its mailbox there is ${answer.mailbox}`);
}

export async function removeMember(group: string, member: string, options: Options): Promise<void> {
  const answer = (await askOffice(options.data, 'immp', 'member.remove', { group, member })) as {
    group: string;
    member: string;
  };
  say(options, answer, `${answer.member} is no member of ${answer.group} any more`);
}

interface ListedNodes {
  readonly nodes: readonly { readonly node: string; readonly title: string; readonly subscribers: number }[];
  readonly next?: string;
}

/** Counts and no names: who is subscribed is between him and the publisher.   spec: immp 2.10 */
export async function listNodes({ data, json }: Options): Promise<void> {
  const all: ListedNodes['nodes'][number][] = [];
  for (let after: string | undefined = ''; after !== undefined; ) {
    const page: ListedNodes = (await askOffice(data, 'immp', 'node.list', { after })) as ListedNodes;
    all.push(...page.nodes);
    after = page.next;
  }
  if (json) return printJson(all);
  if (all.length === 0) return print('nothing is published here');
  const rows = all.map(({ node, title, subscribers }) => [node, subscribers, title]);
  print(table(['node', 'subscribers', 'title'], rows));
}

function sizeOf(text: string): number {
  const bytes = parseSize(text);
  if (bytes === undefined) throw new UsageError(`${text} is no size`, 'write it as 500 MiB');
  return bytes;
}

function say({ json }: Options, answer: unknown, words: string): void {
  if (json) printJson(answer);
  else print(words);
}
