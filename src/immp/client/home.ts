// What the client keeps: how it logs in to each of its accounts, and the keys by which servers are known.
//
//   accounts/NAME@DOMAIN.json
//   servers/DOMAIN.json

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { toHex } from '../../base/bytes.ts';
import { makeFolder, namesIn, readDocument, writeDocument } from '../../base/user-folder.ts';
import { formatEndpoint, parseEndpoint } from '../../net/endpoint.ts';
import { accountName, formatImid, type Imid, imid } from '../wire/imid.ts';
import { ClientError } from './errors.ts';
import type { DerivedKey } from './log-in.ts';

const hex = z.string().regex(/^(?:[0-9a-f]{2})+$/);

const accountShape = z.object({
  /** As its user writes it. */
  name: z.string(),
  /** Where the server is, when the name service does not say. */
  server: z.string().optional(),
  device: z.string().optional(),
  allowK1: z.boolean().optional(),
  /** Whoever has it can log in: the file is for its owner alone. */
  key: z.object({ salt: hex, N: z.int(), r: z.int(), p: z.int(), h2: hex }).optional(),
});

export interface Home {
  readonly folder: string;
}

export interface Account {
  readonly imid: Imid;
  /** `host:port` */
  readonly server?: string | undefined;
  readonly device?: string | undefined;
  readonly allowK1?: boolean | undefined;
  readonly key?: DerivedKey | undefined;
}

/** Opens the folder, making it when it is not there. */
export async function openHome(folder: string): Promise<Home> {
  for (const name of ['accounts', 'servers']) await makeFolder(join(folder, name));
  return { folder };
}

/** Reads an address. Throws ClientError `address`. */
export function readAddress(text: string): Imid {
  let read: Imid | undefined;
  try {
    read = imid.read(text);
  } catch (cause) {
    throw new ClientError('address', `${text} is longer than an IMID may be`, { cause });
  }
  if (read !== undefined) return read;
  throw new ClientError('address', `${text} is no IMID`, { remedy: 'it looks like alice@example.org' });
}

export async function saveAccount(home: Home, account: Account): Promise<void> {
  const { imid: name, server, device, allowK1, key } = account;
  await writeDocument(accountFile(home, name), {
    name: formatImid(name),
    ...(server === undefined ? {} : { server }),
    ...(device === undefined ? {} : { device }),
    ...(allowK1 ? { allowK1 } : {}),
    ...(key === undefined ? {} : { key: { salt: toHex(key.salt), ...key.cost, h2: toHex(key.h2) } }),
  });
}

export async function findAccount(home: Home, name: Imid): Promise<Account | undefined> {
  const document = await readDocument(accountFile(home, name), accountShape);
  if (document === undefined) return undefined;
  const { key, name: written, ...rest } = document;
  const octets = (digits: string) => Buffer.from(digits, 'hex');
  return {
    imid: readAddress(written),
    ...rest,
    key: key && { salt: octets(key.salt), h2: octets(key.h2), cost: { N: key.N, r: key.r, p: key.p } },
  };
}

/** The account of this name, or the only one here when none is named. Throws ClientError `unknown`. */
export async function readAccount(home: Home, name: Imid | undefined): Promise<Account> {
  const known = await accountsOf(home);
  const wanted = name ?? (known.length === 1 ? known[0] : undefined);
  const account = wanted && (await findAccount(home, wanted));
  if (account !== undefined) return account;
  const names = known.map(formatImid).join(', ');
  if (name === undefined && known.length > 1) {
    throw new ClientError('unknown', 'there is more than one account here', {
      remedy: `name one with --account: ${names}`,
    });
  }
  throw new ClientError('unknown', name ? `there is no account ${formatImid(name)} here` : 'there is no account here', {
    remedy: known.length > 0 ? `the accounts here are: ${names}` : 'log in first: postern immp login NAME@DOMAIN',
  });
}

/** False when there was none. */
export async function forgetAccount(home: Home, name: Imid): Promise<boolean> {
  const known = await findAccount(home, name);
  await rm(accountFile(home, name), { force: true });
  return known !== undefined;
}

async function accountsOf(home: Home): Promise<Imid[]> {
  const names = await namesIn(join(home.folder, 'accounts'));
  return names.flatMap((file) => imid.read(decodeURIComponent(file.replace(/\.json$/, ''))) ?? []);
}

const fingerprint = z.string().regex(/^[0-9a-f]{64}$/);

const serverShape = z.object({
  /** SHA-256 of the key that it showed first, or of the one that it announced under that. */
  pin: fingerprint,
  /** Of the key that it says it will show next. */
  next: fingerprint.optional(),
});

export interface KnownServer {
  readonly pin: Buffer;
  readonly next?: Buffer | undefined;
}

/** By which key the server of a domain is known. */
export async function knownServer(home: Home, domain: string): Promise<KnownServer | undefined> {
  const document = await readDocument(serverFile(home, domain), serverShape);
  if (document === undefined) return undefined;
  const { pin, next } = document;
  return { pin: Buffer.from(pin, 'hex'), next: next === undefined ? undefined : Buffer.from(next, 'hex') };
}

export async function rememberServer(home: Home, domain: string, { pin, next }: KnownServer): Promise<void> {
  await writeDocument(serverFile(home, domain), { pin: toHex(pin), ...(next ? { next: toHex(next) } : {}) });
}

/** False when none was known. */
export async function forgetServer(home: Home, domain: string): Promise<boolean> {
  const known = await knownServer(home, domain);
  await rm(serverFile(home, domain), { force: true });
  return known !== undefined;
}

export async function knownServers(home: Home): Promise<{ readonly domain: string; readonly key: string }[]> {
  const files = await namesIn(join(home.folder, 'servers'));
  const domains = files.filter((file) => file.endsWith('.json')).map((file) => decodeURIComponent(file.slice(0, -5)));
  return Promise.all(
    domains.map(async (domain) => ({ domain, key: toHex((await knownServer(home, domain))?.pin ?? Buffer.alloc(0)) })),
  );
}

/** `host:port`, checked. Throws ClientError `address`. */
export function readServer(text: string): string {
  const at = parseEndpoint(text.toLowerCase(), IMMP_PORT);
  if (at === undefined) throw new ClientError('address', `${text} is no server`, { remedy: 'write host:port' });
  return formatEndpoint(at);
}

/** spec: immp 1.4 */
export const IMMP_PORT = 1025;

function accountFile(home: Home, name: Imid): string {
  return join(home.folder, 'accounts', `${encodeURIComponent(accountName(name))}.json`);
}

function serverFile(home: Home, domain: string): string {
  return join(home.folder, 'servers', `${encodeURIComponent(domain.toLowerCase())}.json`);
}
