// What the client keeps: its accounts with their keys and letters, and the keys by which servers and people are known.
//
//   accounts/ACCOUNT@DOMAIN/account.json, xzibit, old/KEY, letters/
//   servers/DOMAIN.json
//   people/ACCOUNT@DOMAIN.json
//   outbox/ID.json, ID.cmtp

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { toHex } from '../../base/bytes.ts';
import { readIfThere, replaceFile } from '../../base/files.ts';
import { makeFolder, namesIn, readDocument, writeDocument } from '../../base/user-folder.ts';
import { type Endpoint, formatEndpoint, parseEndpoint } from '../../net/endpoint.ts';
import { type Address, formatAddress, parseAddress } from './address.ts';
import { ClientError } from './errors.ts';

const keyShape = z.string().regex(/^[0-9a-f]{64}$/);
const endpointShape = z.string().transform((text, context): Endpoint => {
  const at = parseEndpoint(text);
  if (at !== undefined) return at;
  context.addIssue({ code: 'custom', message: 'not host:port' });
  return z.NEVER;
});

/** An address as documents hold it. */
export const addressShape = z.codec(z.string(), z.custom<Address>(), {
  decode(text, context) {
    const address = parseAddress(text);
    if (address !== undefined) return address;
    context.issues.push({ code: 'custom', message: 'not a CMTP address', input: text });
    return z.NEVER;
  },
  encode: formatAddress,
});

export interface Home {
  readonly folder: string;
}

/** Opens the folder, making it when it is not there. */
export async function openHome(folder: string): Promise<Home> {
  for (const name of ['accounts', 'servers', 'people', 'outbox']) await makeFolder(join(folder, name));
  return { folder };
}

const accountShape = z.object({
  /** The CMTP port, in the clear. */
  server: endpointShape,
  /** The port over TLS, on which an account is proved and mail is fetched.   spec: cmtp 9 D13, D24 */
  tls: endpointShape.optional(),
  /** Ed25519, 64 hex digits. */
  publicKey: keyShape,
});

export interface Account extends Address {
  readonly server: Endpoint;
  readonly tls?: Endpoint | undefined;
  readonly publicKey: string;
  /** The key pair under its passphrase, 156 octets.   spec: cmtp 3 */
  readonly xzibit: Buffer;
  /** Pairs of before, which open old mail.   spec: cmtp 9 D22 */
  readonly old: readonly Buffer[];
}

export async function findAccount(home: Home, address: Address): Promise<Account | undefined> {
  const folder = folderOf(home, address);
  const document = await readDocument(join(folder, 'account.json'), accountShape);
  const xzibit = await readIfThere(join(folder, 'xzibit'));
  if (document === undefined || xzibit === undefined) return undefined;
  const names = await namesIn(join(folder, 'old'));
  const old = await Promise.all(names.map((name) => readIfThere(join(folder, 'old', name))));
  return { ...address, ...document, xzibit, old: old.filter((pair) => pair !== undefined) };
}

/** The account of this address, or the only one here when none is named. Throws ClientError `unknown`. */
export async function readAccount(home: Home, address: Address | undefined): Promise<Account> {
  const known = await accountsOf(home);
  const wanted = address ?? (known.length === 1 ? known[0] : undefined);
  const account = wanted && (await findAccount(home, wanted));
  if (account !== undefined) return account;
  const names = known.map(formatAddress).join(', ');
  if (address === undefined && known.length > 1) {
    throw new ClientError('unknown', 'there is more than one account here', { remedy: `name one of: ${names}` });
  }
  throw new ClientError(
    'unknown',
    `there is no account ${address ? formatAddress(address) : ''} here`.replace('  ', ' '),
    {
      remedy: known.length > 0 ? `the accounts here are: ${names}` : 'bring one in: postern cmtp login ACCOUNT@DOMAIN',
    },
  );
}

/** The keys are on the disk before the account is there. */
export async function saveAccount(home: Home, account: Account): Promise<void> {
  const folder = folderOf(home, account);
  for (const name of ['old', 'letters']) await makeFolder(join(folder, name));
  const kept = new Map(account.old.map((pair) => [toHex(pair.subarray(4, 20)), pair]));
  for (const [name, pair] of kept) await replaceFile(join(folder, 'old', name), pair);
  await replaceFile(join(folder, 'xzibit'), account.xzibit);
  const { server, tls, publicKey } = account;
  const places = { server: formatEndpoint(server), ...(tls ? { tls: formatEndpoint(tls) } : {}) };
  await writeDocument(join(folder, 'account.json'), { ...places, publicKey });
  for (const name of await namesIn(join(folder, 'old'))) if (!kept.has(name)) await rm(join(folder, 'old', name));
}

async function accountsOf(home: Home): Promise<Address[]> {
  const names = await namesIn(join(home.folder, 'accounts'));
  return names.flatMap((name) => parseAddress(decodeURIComponent(name)) ?? []);
}

/** Where an account's letters lie. */
export function lettersOf(home: Home, address: Address): string {
  return join(folderOf(home, address), 'letters');
}

const serverShape = z.object({
  /** The CMTP server's Ed25519 key, as seen first.   spec: cmtp 9 D21 */
  key: keyShape.optional(),
  /** SHA-256 of the TLS key, as seen first. */
  tls: keyShape.optional(),
});
export type Server = z.infer<typeof serverShape>;

/** What is known of the server of a domain; of a new one, nothing. */
export async function readServer(home: Home, domain: string): Promise<Server> {
  return (await readDocument(serverFile(home, domain), serverShape)) ?? {};
}

export async function saveServer(home: Home, domain: string, server: Server): Promise<void> {
  await writeDocument(serverFile(home, domain), server);
}

/** False when nothing was known. */
export async function forgetServer(home: Home, domain: string): Promise<boolean> {
  const known = await readIfThere(serverFile(home, domain));
  await rm(serverFile(home, domain), { force: true });
  return known !== undefined;
}

export async function knownServers(home: Home): Promise<{ domain: string; server: Server }[]> {
  const names = (await namesIn(join(home.folder, 'servers'))).filter((name) => name.endsWith('.json'));
  const domains = names.map((name) => decodeURIComponent(name.slice(0, -'.json'.length)));
  return Promise.all(domains.map(async (domain) => ({ domain, server: await readServer(home, domain) })));
}

const personShape = z.object({ key: keyShape });

/** The key that somebody had when he was last written to, 64 hex digits. */
export async function knownKey(home: Home, address: Address): Promise<string | undefined> {
  return (await readDocument(personFile(home, address), personShape))?.key;
}

export async function rememberKey(home: Home, address: Address, key: string): Promise<void> {
  await writeDocument(personFile(home, address), { key });
}

function folderOf(home: Home, address: Address): string {
  return join(home.folder, 'accounts', encodeURIComponent(formatAddress(address)));
}

function personFile(home: Home, address: Address): string {
  return join(home.folder, 'people', `${encodeURIComponent(formatAddress(address))}.json`);
}

function serverFile(home: Home, domain: string): string {
  return join(home.folder, 'servers', `${encodeURIComponent(domain)}.json`);
}
