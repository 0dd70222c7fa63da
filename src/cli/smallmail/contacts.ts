// `postern smallmail contacts`: keeping other people's addresses and keys, and vouching for them.

import { readFile } from 'node:fs/promises';
import { messageOf } from '../../base/errors.ts';
import { systemClock } from '../../base/time.ts';
import { type Address, formatAddress, readAddress } from '../../smallmail/client/address.ts';
import {
  addContact,
  armourKey,
  formatFingerprint,
  listContacts,
  readContact,
  removeContact,
  signContact,
  type Voucher,
  vouchersOf,
} from '../../smallmail/client/contacts.ts';
import { type Home, readMailbox } from '../../smallmail/client/home.ts';
import { savedLetter } from '../../smallmail/client/letters.ts';
import { openLetter } from '../../smallmail/client/open-letter.ts';
import type { OfflineOptions } from '../client-options.ts';
import { UsageError } from '../command.ts';
import { facts, print, printJson, table } from '../output.ts';
import { homeOf, unlock } from './client.ts';
import { type Acquaintance, acquaintances, nameOf } from './people.ts';

interface AddOptions extends OfflineOptions {
  readonly key?: string;
  readonly letter?: string;
}

export async function add(label: string, text: string | undefined, options: AddOptions): Promise<void> {
  const home = await homeOf(options);
  const { address, keyFile } = await introduced(home, text, options);
  const contact = await addContact(home, { label, address, keyFile }, systemClock.now());
  if (options.json) return printJson({ name: label, address: formatAddress(contact.address) });
  print(facts([['contact', label], ['address', formatAddress(contact.address)], ...fingerprintFacts(address.mailbox)]));
  print('\nCompare the fingerprint with its owner, by voice if you can, before you rely on it.');
}

async function introduced(
  home: Home,
  text: string | undefined,
  { key, letter }: AddOptions,
): Promise<{ address: Address; keyFile: Buffer }> {
  if (letter !== undefined) return fromLetter(home, letter);
  if (text === undefined || key === undefined) {
    throw new UsageError(
      'a contact is an address and the file with its key',
      'postern smallmail contacts add NAME ADDRESS --key FILE',
    );
  }
  return { address: readAddress(text), keyFile: await keyFromFile(key) };
}

async function fromLetter(home: Home, letter: string): Promise<{ address: Address; keyFile: Buffer }> {
  const [, label, number] = /^([^/]+)\/(\d{1,9})$/.exec(letter) ?? [];
  if (label === undefined) throw new UsageError(`${letter} names no letter`, 'it looks like alice/1');
  const own = await unlock(await readMailbox(home, label));
  const { body } = await savedLetter(home, label, Number(number));
  const { from, senderKey } = await openLetter(body, own, [], systemClock.now());
  if (from === undefined || senderKey === undefined) throw new UsageError('this letter brought no address and key');
  return { address: from, keyFile: senderKey };
}

async function keyFromFile(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new UsageError(`cannot read the key file: ${messageOf(error)}`);
  }
}

export async function list(options: OfflineOptions): Promise<void> {
  const contacts = await listContacts(await homeOf(options));
  const rows = contacts.map(({ label, address }) => ({ name: label, address: formatAddress(address) }));
  if (options.json) return printJson(rows);
  if (rows.length === 0) return print('there are no contacts yet: postern smallmail contacts add --help');
  print(
    table(
      ['name', 'address'],
      rows.map(({ name, address }) => [name, address]),
    ),
  );
}

export async function show(label: string, options: OfflineOptions): Promise<void> {
  const home = await homeOf(options);
  const { address, key } = await readContact(home, label);
  const people = await acquaintances(home);
  const vouchers = await vouchersOf(
    key,
    people.map((one) => one.key),
    systemClock.now(),
  );
  if (options.json) return printJson({ name: label, address: formatAddress(address), vouchers });
  print(
    facts([
      ['contact', label],
      ['address', formatAddress(address)],
      ...fingerprintFacts(address.mailbox),
      ...vouchers.map((voucher) => ['vouched for', inWords(voucher, people)] as const),
    ]),
  );
}

function inWords({ state, by, keyId }: Voucher, people: readonly Acquaintance[]): string {
  if (by !== undefined) return `by ${nameOf(by, people) ?? by}`;
  return state === 'bad' ? `with a signature of ${keyId} that is WRONG` : `by ${keyId}, whose key is not here`;
}

export async function exportKey(label: string, options: OfflineOptions): Promise<void> {
  const { address, key } = await readContact(await homeOf(options), label);
  const armoured = await armourKey(key);
  if (options.json) printJson({ name: label, address: formatAddress(address), key: armoured });
  else print(armoured.trimEnd());
}

export async function importKey(label: string, file: string, options: OfflineOptions): Promise<void> {
  const home = await homeOf(options);
  const { address } = await readContact(home, label);
  await addContact(home, { label, address, keyFile: await keyFromFile(file) }, systemClock.now());
  await show(label, options);
}

export async function sign(label: string, options: OfflineOptions & { as: string }): Promise<void> {
  const home = await homeOf(options);
  await signContact(home, label, await unlock(await readMailbox(home, options.as)), systemClock.now());
  await show(label, options);
}

export async function remove(label: string, options: OfflineOptions): Promise<void> {
  await removeContact(await homeOf(options), label);
  if (options.json) printJson({ name: label, removed: true });
  else print(`forgot ${label}`);
}

function fingerprintFacts(mailbox: string): [string, string][] {
  return formatFingerprint(mailbox)
    .split('\n')
    .map((line, at) => [at === 0 ? 'fingerprint' : '', line]);
}
