// `postern cmtp login`, `enrol` and `key`.

import { readFile, writeFile } from 'node:fs/promises';
import { codeOf, messageOf } from '../../base/errors.ts';
import { systemRandom } from '../../base/random.ts';
import {
  addOldKey,
  changePassphrase,
  enrolAccount,
  login as loginAt,
  makeAccount,
  rotateKeys,
} from '../../cmtp/client/accounts.ts';
import { formatAddress, readAddress } from '../../cmtp/client/address.ts';
import { readCard, writeCard } from '../../cmtp/client/card.ts';
import { ClientError } from '../../cmtp/client/errors.ts';
import { type Account, findAccount, saveAccount } from '../../cmtp/client/home.ts';
import { findKey } from '../../cmtp/client/sending.ts';
import { isXzibit } from '../../cmtp/crypto/xzibit.ts';
import { formatEndpoint } from '../../net/endpoint.ts';
import type { OfflineOptions, OnlineOptions } from '../client-options.ts';
import { UsageError } from '../command.ts';
import { facts, print, printJson } from '../output.ts';
import {
  accountOf,
  homeOf,
  newPassphraseFor,
  type PlaceOptions,
  passphraseOf,
  placesOf,
  withCourier,
} from './client.ts';

type From = { readonly from?: string };

export async function login(text: string, options: OnlineOptions & PlaceOptions): Promise<void> {
  const address = readAddress(text);
  const at = placesOf(address, options);
  const passphrase = await passphraseOf(address);
  const account = await withCourier(options, 'asking for the key', (courier) =>
    loginAt(courier, address, at, passphrase),
  );
  show(account, options);
}

interface EnrolOptions extends OnlineOptions, PlaceOptions {
  readonly token?: string;
  readonly card?: string;
  readonly generate?: boolean;
}

export async function enrol(text: string, options: EnrolOptions): Promise<void> {
  const { token, card } = options;
  const address = readAddress(text);
  if ((token === undefined) === (card === undefined)) {
    throw new UsageError('an account is made with an invitation or by its operator', 'give --token, or --card FILE');
  }
  const home = await homeOf(options);
  const begun = await findAccount(home, address);
  const passphrase = begun
    ? await passphraseOf(address)
    : await newPassphraseFor(address, 'POSTERN_PASSPHRASE', options.generate === true);
  const at = placesOf(address, options);
  const { account, own } = await makeAccount({ home, random: systemRandom }, address, at, passphrase);
  if (card !== undefined) await writeNew(card, writeCard(account));
  else if (token !== undefined) {
    await withCourier(options, 'making the account', (courier) => enrolAccount(courier, account, own, token));
  }
  show(account, options);
  if (card !== undefined && !options.json)
    print(`\nGive ${card} to the operator. Your key in it stays under your passphrase.`);
}

export async function showKey(text: string | undefined, options: OnlineOptions & From): Promise<void> {
  const home = await homeOf(options);
  const own = text === undefined ? await accountOf(home, options.from) : await findAccount(home, readAddress(text));
  if (own !== undefined) return show(own, options);
  const address = readAddress(text ?? '');
  const account = await accountOf(home, options.from);
  const passphrase = address.domain === account.domain ? undefined : await passphraseOf(account);
  const { key, known } = await withCourier(options, 'asking for the key', (courier) =>
    findKey(courier, account, passphrase, address),
  );
  const isChanged = known !== undefined && known !== key;
  if (options.json) return printJson({ address: formatAddress(address), key, known, isChanged });
  print(
    facts([['account', formatAddress(address)], ['key', key], ...(isChanged ? ([['BEFORE', known]] as const) : [])]),
  );
}

export async function rotateKey(text: string | undefined, options: OnlineOptions): Promise<void> {
  const account = await accountOf(await homeOf(options), text);
  const passphrase = await passphraseOf(account);
  show(await withCourier(options, 'changing the key', (courier) => rotateKeys(courier, account, passphrase)), options);
}

export async function newPassphrase(
  text: string | undefined,
  options: OnlineOptions & { generate?: boolean },
): Promise<void> {
  const account = await accountOf(await homeOf(options), text);
  const passphrase = await passphraseOf(account);
  const next = await newPassphraseFor(account, 'POSTERN_NEW_PASSPHRASE', options.generate === true);
  await withCourier(options, 'sealing the key', (courier) => changePassphrase(courier, account, passphrase, next));
  if (options.json) printJson({ address: formatAddress(account), changed: true });
  else print(`the key of ${formatAddress(account)} is under the new passphrase. Files exported before are not.`);
}

export async function exportKeys(file: string, options: OfflineOptions & From): Promise<void> {
  const account = await accountOf(await homeOf(options), options.from);
  await writeNew(file, writeCard(account));
  if (options.json) printJson({ address: formatAddress(account), file });
  else print(`wrote ${file}`);
}

export async function importKeys(file: string, options: OfflineOptions & From & PlaceOptions): Promise<void> {
  const home = await homeOf(options);
  const octets = await readGiven(file);
  if (isXzibit(octets)) {
    const account = await accountOf(home, options.from);
    return show(await addOldKey(home, account, octets, await passphraseOf(account)), options);
  }
  const card = readCard(octets);
  if (await findAccount(home, card)) throw new ClientError('exists', `${formatAddress(card)} is here already`);
  const account = { ...card, ...placesOf(card, options) };
  await saveAccount(home, account);
  show(account, options);
}

function show(account: Account, { json }: OfflineOptions): void {
  const { server, tls, publicKey, old } = account;
  const at = { server: formatEndpoint(server), ...(tls ? { tls: formatEndpoint(tls) } : {}) };
  const former: [string, string][] = old.length === 0 ? [] : [['former keys', String(old.length)]];
  if (json) printJson({ address: formatAddress(account), key: publicKey, ...at, formerKeys: old.length });
  else print(facts([['account', formatAddress(account)], ['key', publicKey], ...Object.entries(at), ...former]));
}

async function writeNew(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text, { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
    throw new UsageError(`${file} is there already; nothing was overwritten`, 'choose another name');
  }
}

async function readGiven(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new UsageError(
      `cannot read ${file}: ${codeOf(error) === 'ENOENT' ? 'there is no such file' : messageOf(error)}`,
    );
  }
}
