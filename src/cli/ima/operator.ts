// `postern ima account` and `lists`: what the operator of an office asks it, running or not.

import { askOffice } from '../ask-office.ts';
import { agreed } from '../ask-person.ts';
import type { OfficeOptions, YesOption } from '../command.ts';
import { facts, print, printJson, table } from '../output.ts';
import { newPasswordFor, type PasswordOption } from '../password.ts';

type Options = OfficeOptions;

interface Listed {
  readonly address: string;
  readonly auth: string;
  readonly messages: number;
  readonly unread: number;
}

export async function addAccount(
  address: string,
  options: Options & PasswordOption & { key: string[]; both?: boolean; keepSent?: boolean },
): Promise<void> {
  const { key: keys, both, keepSent = false, data } = options;
  const password = keys.length > 0 && !both ? {} : { password: await newPasswordFor(address, options) };
  const auth = both ? { auth: 'both' } : {};
  const answer = await askOffice(data, 'ima', 'account.add', { address, keys, keepSent, ...password, ...auth });
  if (options.json) printJson(answer);
  else print(`made ${address}`);
}

export async function newPassword(address: string, options: Options & PasswordOption): Promise<void> {
  const answer = await askOffice(options.data, 'ima', 'account.passwd', {
    address,
    password: await newPasswordFor(address, options),
  });
  if (options.json) printJson(answer);
  else print(`${address} has a new password`);
}

export async function listAccounts({ data, json }: Options): Promise<void> {
  const accounts = (await askOffice(data, 'ima', 'account.list', {})) as Listed[];
  if (json) return printJson(accounts);
  if (accounts.length === 0) return print('there are no accounts yet: postern ima account add ADDRESS');
  const rows = accounts.map(({ address, auth, messages, unread }) => [address, auth, messages, unread]);
  print(table(['account', 'known by', 'messages', 'unread'], rows));
}

export async function removeAccount(address: string, options: Options & YesOption): Promise<void> {
  await agreed(`Remove the account ${address} with all its mail?`, options.yes);
  const answer = await askOffice(options.data, 'ima', 'account.remove', { address });
  if (options.json) printJson(answer);
  else print(`removed ${address} and all its mail`);
}

export async function listLists({ data, json }: Options): Promise<void> {
  const lists = (await askOffice(data, 'ima', 'list.list', {})) as string[];
  if (json) return printJson(lists);
  print(lists.length === 0 ? 'there are no lists yet: postern ima lists add ADDRESS' : lists.join('\n'));
}

export async function showList(address: string, { data, json }: Options): Promise<void> {
  const list = (await askOffice(data, 'ima', 'list.show', { address })) as { posting: string; subscribers: string[] };
  if (json) return printJson(list);
  print(
    facts([
      ['list', address],
      ['who may write', list.posting],
      ['subscribers', list.subscribers.length === 0 ? 'none' : list.subscribers.join(', ')],
    ]),
  );
}

export async function addList(address: string, options: Options & { anyone?: boolean }): Promise<void> {
  const posting = options.anyone ? 'anyone' : 'subscribers';
  const answer = await askOffice(options.data, 'ima', 'list.add', { address, posting });
  if (options.json) printJson(answer);
  else print(`made ${address}`);
}

export async function removeList(address: string, options: Options & YesOption): Promise<void> {
  await agreed(`Remove the list ${address} with all its subscriptions?`, options.yes);
  const answer = await askOffice(options.data, 'ima', 'list.remove', { address });
  if (options.json) printJson(answer);
  else print(`removed ${address}`);
}

export async function changeList(
  wish: 'subscribe' | 'unsubscribe',
  address: string,
  subscriber: string,
  options: Options,
): Promise<void> {
  const answer = await askOffice(options.data, 'ima', `list.${wish}`, { address, subscriber });
  if (options.json) printJson(answer);
  else print(`${wish}d ${subscriber}`);
}
