// `postern cmtp account`: what the operator of an office asks it, running or not.   spec: cmtp 9 D23

import { readFile } from 'node:fs/promises';
import { toHex } from '../../base/bytes.ts';
import { messageOf } from '../../base/errors.ts';
import { formatSize } from '../../base/text.ts';
import { readCard } from '../../cmtp/client/card.ts';
import { askOffice } from '../ask-office.ts';
import { agreed } from '../ask-person.ts';
import { type OfficeOptions, UsageError, type YesOption } from '../command.ts';
import { facts, print, printJson, table } from '../output.ts';

type Options = OfficeOptions;

interface Listed {
  readonly account: string;
  readonly publicKey: string;
  readonly formerKeys: number;
  readonly messages: number;
  readonly bytes: number;
}

export async function list({ data, json }: Options): Promise<void> {
  const accounts = (await askOffice(data, 'cmtp', 'account.list', {})) as Listed[];
  if (json) return printJson(accounts);
  if (accounts.length === 0) return print('there are no accounts yet: postern cmtp account invite');
  const rows = accounts.map(({ account, publicKey, messages, bytes }) => [
    account,
    publicKey,
    messages,
    formatSize(bytes),
  ]);
  print(table(['account', 'key', 'messages', 'size'], rows));
}

export async function invite(account: string | undefined, options: Options & { days: number }): Promise<void> {
  const asked = { days: options.days, ...(account === undefined ? {} : { account }) };
  const answer = (await askOffice(options.data, 'cmtp', 'invitation.new', asked)) as {
    token: string;
    until: number;
    domain: string;
  };
  if (options.json) return printJson(answer);
  const until = new Date(answer.until).toISOString().slice(0, 16).replace('T', ' ');
  print(
    facts([
      ['invitation', answer.token],
      ['good until', `${until} UTC, once`],
      ['to be used', `postern cmtp enrol ${account ?? 'NAME'}@${answer.domain} --token ${answer.token}`],
    ]),
  );
}

export async function add(file: string, options: Options): Promise<void> {
  const answer = (await askOffice(options.data, 'cmtp', 'account.add', await keysIn(file))) as { address: string };
  if (options.json) printJson(answer);
  else print(`made ${answer.address}`);
}

export async function rotate(file: string, options: Options): Promise<void> {
  const keys = await keysIn(file);
  await askOffice(options.data, 'cmtp', 'account.rotate', keys);
  if (options.json) printJson({ account: keys.account, publicKey: keys.publicKey });
  else print(`${keys.account} has the key ${keys.publicKey}`);
}

export async function remove(account: string, options: Options & YesOption): Promise<void> {
  await agreed(`Remove the account ${account} with all its mail?`, options.yes);
  await askOffice(options.data, 'cmtp', 'account.remove', { account });
  if (options.json) printJson({ account, removed: true });
  else print(`removed ${account} and all its mail`);
}

export async function serverKey(options: Options): Promise<void> {
  const answer = (await askOffice(options.data, 'cmtp', 'server.key', {})) as { domain: string; publicKey: string };
  if (options.json) printJson(answer);
  else
    print(
      facts([
        ['domain', answer.domain],
        ['key', answer.publicKey],
      ]),
    );
}

/** What an operator needs of the file that a user wrote. */
async function keysIn(file: string) {
  let octets: Buffer;
  try {
    octets = await readFile(file);
  } catch (error) {
    throw new UsageError(`cannot read ${file}: ${messageOf(error)}`);
  }
  const { account, publicKey, xzibit } = readCard(octets);
  return { account, publicKey, xzibit: toHex(xzibit) };
}
