// What the client keeps: its mailboxes, and what it knows of servers. Contacts, letters and the outbox have files of their own.
//
//   mailboxes/LABEL/mailbox.json, secret.pgp, letters/, partial/
//   contacts/LABEL.json, LABEL.pgp
//   servers/HOST%3APORT.json
//   outbox/ID.json, ID.pgp

import { join } from 'node:path';
import { z } from 'zod';
import { readIfThere, replaceFile } from '../../base/files.ts';
import { makeFolder, namesIn, readDocument, writeDocument } from '../../base/user-folder.ts';
import { type Endpoint, formatEndpoint } from '../../net/endpoint.ts';
import { type Address, formatAddress, parseAddress } from './address.ts';
import { ClientError } from './errors.ts';
import { checkLabel } from './label.ts';

export interface Home {
  readonly folder: string;
}

/** An address as documents hold it. */
export const addressShape = z.codec(z.string(), z.custom<Address>(), {
  decode(text, context) {
    const address = parseAddress(text);
    if (address !== undefined) return address;
    context.issues.push({ code: 'custom', message: 'not a SmallMail address', input: text });
    return z.NEVER;
  },
  encode: formatAddress,
});

/** Opens the folder, making it when it is not there. */
export async function openHome(folder: string): Promise<Home> {
  for (const name of ['mailboxes', 'contacts', 'servers', 'outbox']) await makeFolder(join(folder, name));
  return { folder };
}

const mailboxShape = z.object({
  address: addressShape,
  /** The server has said IDCR. */
  made: z.boolean(),
});

export interface OwnMailbox {
  readonly label: string;
  readonly address: Address;
  readonly made: boolean;
  /** Binary transferable secret key, perhaps sealed. */
  readonly secretKey: Buffer;
}

export function folderOf(home: Home, label: string): string {
  return join(home.folder, 'mailboxes', checkLabel(label));
}

export async function findMailbox(home: Home, label: string): Promise<OwnMailbox | undefined> {
  const folder = folderOf(home, label);
  const document = await readDocument(join(folder, 'mailbox.json'), mailboxShape);
  if (document === undefined) return undefined;
  const secretKey = await readIfThere(join(folder, 'secret.pgp'));
  if (secretKey === undefined) throw new ClientError('home', `the secret key of ${label} is missing in ${folder}`);
  return { label, secretKey, ...document };
}

/** Like `findMailbox`. Throws ClientError `unknown`. */
export async function readMailbox(home: Home, label: string): Promise<OwnMailbox> {
  const mailbox = await findMailbox(home, label);
  if (mailbox !== undefined) return mailbox;
  const known = await mailboxLabels(home);
  throw new ClientError('unknown', `there is no mailbox named ${label} here`, {
    remedy:
      known.length === 0 ? `make one: postern smallmail new ${label}` : `the mailboxes here are: ${known.join(', ')}`,
  });
}

/** The key is on the disk before its mailbox is there. */
export async function saveMailbox(home: Home, { label, address, made, secretKey }: OwnMailbox): Promise<void> {
  const folder = folderOf(home, label);
  for (const name of ['letters', 'partial']) await makeFolder(join(folder, name));
  await replaceFile(join(folder, 'secret.pgp'), secretKey);
  await writeDocument(join(folder, 'mailbox.json'), { address: formatAddress(address), made });
}

export async function mailboxLabels(home: Home): Promise<string[]> {
  return namesIn(join(home.folder, 'mailboxes'));
}

const serverShape = z.object({
  /** SHA-256 of the SubjectPublicKeyInfo, 64 hex digits, as seen first.   spec: smallmail 2.2 */
  pin: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
  /** Its challenges are bound to nothing, and its user signs them all the same. */
  old: z.boolean(),
});

export type Server = z.infer<typeof serverShape>;

/** What is known of a server; of a new one, nothing. */
export async function readServer(home: Home, at: Endpoint): Promise<Server> {
  return (await readDocument(serverFile(home, at), serverShape)) ?? { old: false };
}

export async function saveServer(home: Home, at: Endpoint, server: Server): Promise<void> {
  await writeDocument(serverFile(home, at), server);
}

export async function knownServers(home: Home): Promise<{ at: string; server: Server }[]> {
  const servers: { at: string; server: Server }[] = [];
  for (const name of await namesIn(join(home.folder, 'servers'))) {
    if (!name.endsWith('.json')) continue;
    const server = await readDocument(join(home.folder, 'servers', name), serverShape);
    if (server !== undefined) servers.push({ at: decodeURIComponent(name.slice(0, -'.json'.length)), server });
  }
  return servers;
}

function serverFile(home: Home, at: Endpoint): string {
  return join(home.folder, 'servers', `${encodeURIComponent(formatEndpoint(at))}.json`);
}
