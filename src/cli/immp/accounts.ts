// `postern immp login`, `logout`, `password`, `set` and `servers`.

import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { toHex } from '../../base/bytes.ts';
import { messageOf } from '../../base/errors.ts';
import { systemRandom } from '../../base/random.ts';
import { formatSize } from '../../base/text.ts';
import { deriveH2 } from '../../immp/auth/keys.ts';
import { converse } from '../../immp/client/courier.ts';
import * as store from '../../immp/client/home.ts';
import { formatImid } from '../../immp/wire/imid.ts';
import { type SettingWord, settingWord } from '../../immp/wire/kind.ts';
import type { OfflineOptions, OnlineOptions } from '../client-options.ts';
import { UsageError } from '../command.ts';
import { facts, print, printJson, table } from '../output.ts';
import { newPasswordFor, type PasswordOption, passwordOf } from '../password.ts';
import { advised, asUser, courierOf, homeOf, type UserOptions } from './client.ts';

const SALT_OCTETS = 16;
const COST = { N: 32768, r: 8, p: 1 };

interface LoginOptions extends OnlineOptions, PasswordOption {
  readonly server?: string;
  readonly device?: string;
  readonly allowK1?: boolean;
}

export async function login(text: string, options: LoginOptions): Promise<void> {
  const imid = store.readAddress(text);
  const home = await homeOf(options);
  const { server, device = hostname(), allowK1 } = options;
  const account: store.Account = { imid, device, allowK1, ...(server ? { server: store.readServer(server) } : {}) };
  const key = await converse(
    courierOf(home, options),
    account,
    () => passwordOf(formatImid(imid), options),
    async (session) => session.serverKey,
  );
  if ((await store.findAccount(home, imid)) === undefined) await store.saveAccount(home, account);
  if (options.json) return printJson({ account: formatImid(imid), serverKey: toHex(key) });
  print(
    facts([
      ['account', formatImid(imid)],
      ['server key', toHex(key)],
    ]),
  );
}

export async function logout(text: string, options: OfflineOptions): Promise<void> {
  const imid = store.readAddress(text);
  const known = await store.forgetAccount(await homeOf(options), imid);
  if (options.json) return printJson({ account: formatImid(imid), forgotten: known });
  print(known ? `forgot ${formatImid(imid)}` : `there was no account ${formatImid(imid)} here`);
}

/** The server takes a new secret only from somebody who has just logged in.   spec: immp 2.11 */
export async function newPassword(options: UserOptions & PasswordOption): Promise<void> {
  await asUser(options, async (session, account) => {
    const password = await newPasswordFor(formatImid(account.imid), options);
    if ([...password].length < 8) throw new UsageError('a password has at least 8 characters');
    const salt = systemRandom.bytes(SALT_OCTETS);
    const h2 = await deriveH2(password, salt, COST);
    const value = ['scrypt', COST.N, COST.r, COST.p, toHex(salt), toHex(h2)].join(':');
    await session.ask({ word: 'SET GLOBAL', setting: { name: 'SECRET', change: { how: '=', value } } });
    await store.saveAccount(await homeOf(options), { ...account, key: { salt, cost: COST, h2 } });
    if (options.json) printJson({ account: formatImid(account.imid), changed: true });
    else print(`${formatImid(account.imid)} has a new password`);
  });
}

export async function set(text: string | undefined, options: UserOptions & { pubkeyFile?: string }): Promise<void> {
  const setting = options.pubkeyFile === undefined ? readSetting(text) : await keyFrom(options.pubkeyFile);
  const replies = await asUser(options, (session) =>
    advised(SET_REMEDIES, session.ask({ word: 'SET GLOBAL', ...(setting === undefined ? {} : { setting }) })),
  );
  const pairs = replies.flatMap((reply): [string, string][] => {
    const [, name, value] = /^([A-Za-z0-9-]+)=(.*)$/su.exec(reply.text) ?? [];
    return name === undefined || value === undefined ? [] : [[name, value]];
  });
  if (options.json) return printJson(Object.fromEntries(pairs));
  print(facts(pairs.map(([name, value]) => [name.toLowerCase(), inWords(name, value)])));
}

const SET_REMEDIES = {
  '403': 'only the operator changes this',
  '404': 'postern immp set shows what there is',
  '406': 'lists hold IMIDs, nodes and @domains; FORWARD is an IMID, PUBKEY an OpenPGP key',
};

function inWords(name: string, value: string): string {
  if ((name === 'QUOTA' || name === 'USED') && /^\d{1,15}$/.test(value)) return formatSize(Number(value));
  return value === '' ? '-' : value;
}

function readSetting(text: string | undefined): SettingWord | undefined {
  if (text === undefined) return undefined;
  // What stands behind the = may hold anything but a quote.
  const [, name = '', value] = /^([^=]*=)(.*)$/su.exec(text) ?? [];
  const setting = settingWord.read(value === undefined ? text : `${name}"${value}"`);
  if (setting === undefined) throw new UsageError(`${text} is no setting`, 'write NAME or NAME=value');
  return setting;
}

/** An armoured key travels as one word.   spec: immp 2.11 */
async function keyFrom(file: string): Promise<SettingWord> {
  try {
    const value = (await readFile(file)).toString('base64');
    return { name: 'PUBKEY', change: { how: '=', value } };
  } catch (error) {
    throw new UsageError(`cannot read ${file}: ${messageOf(error)}`);
  }
}

export async function listServers(options: OfflineOptions): Promise<void> {
  const servers = await store.knownServers(await homeOf(options));
  if (options.json) return printJson(servers);
  if (servers.length === 0) return print('no server was met yet');
  const rows = servers.map(({ domain, key }) => [domain, key]);
  print(table(['domain', 'key (SHA-256)'], rows));
}

export async function forgetServer(domain: string, options: OfflineOptions): Promise<void> {
  const known = await store.forgetServer(await homeOf(options), domain);
  if (options.json) return printJson({ domain, forgotten: known });
  print(known ? `forgot the key of ${domain}; the next one it shows is taken` : `no key of ${domain} was known`);
}
