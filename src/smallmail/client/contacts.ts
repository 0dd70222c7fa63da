// Other people's mailboxes: address and key, passed on by hand, with the signatures by which people vouch for keys.
// spec: smallmail 1.1, 2.11

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Key, PublicKey } from 'openpgp';
import { z } from 'zod';
import { asBuffer } from '../../base/bytes.ts';
import { messageOf } from '../../base/errors.ts';
import { readIfThere, replaceFile } from '../../base/files.ts';
import { namesIn, readDocument, writeDocument } from '../../base/user-folder.ts';
import { readCertificate } from '../openpgp/certificate.ts';
import { openPgp } from '../openpgp/library.ts';
import { type Address, formatAddress } from './address.ts';
import { ClientError } from './errors.ts';
import { addressShape, findMailbox, type Home } from './home.ts';
import { isArmoured, type OwnKey } from './key-pair.ts';
import { checkLabel } from './label.ts';

/** Octets of a key file: signatures gather on keys. */
const MAX_KEY_FILE = 256 * 1024;

export interface Contact {
  readonly label: string;
  readonly address: Address;
  /** Binary public key, other people's signatures included. */
  readonly key: Buffer;
}

/** A signature by which somebody vouches for a key. */
export interface Voucher {
  readonly keyId: string;
  /** The mailbox whose key made it, when that key is here and the signature is good. */
  readonly by: string | undefined;
  readonly state: 'good' | 'bad' | 'unknown';
}

const contactShape = z.object({ address: addressShape });

/**
 * Adds a contact, or renews the key of one that is here. `keyFile` is binary or armoured. Throws ClientError `key` for a
 * key that is not the address's or cannot be used, `exists` when the name means somebody else.
 */
export async function addContact(
  home: Home,
  added: { label: string; address: Address; keyFile: Uint8Array },
  now: number,
) {
  const { label, address } = added;
  checkLabel(label);
  const key = await readPublicKey(added.keyFile);
  if (fingerprint(key) !== address.mailbox) {
    throw new ClientError('key', 'the key is not the one that the address names; nothing was kept', {
      remedy: `the key has the fingerprint ${fingerprint(key)}; ask for the right one, by another way`,
    });
  }
  await judgeKey(key, now);
  if (await findMailbox(home, label)) throw new ClientError('exists', `${label} is a mailbox of your own`);
  const before = await findContact(home, label);
  if (before !== undefined && before.address.mailbox !== address.mailbox) {
    throw new ClientError('exists', `${label} is another contact already`, {
      remedy: `choose another name, or first: postern smallmail contacts remove ${label}`,
    });
  }
  const merged = before === undefined ? key : await (await readPublicKey(before.key)).update(key, new Date(now));
  return saveContact(home, { label, address, key: asBuffer(merged.write()) });
}

export async function findContact(home: Home, label: string): Promise<Contact | undefined> {
  const [document, key] = await Promise.all([
    readDocument(fileOf(home, label, 'json'), contactShape),
    readIfThere(fileOf(home, label, 'pgp')),
  ]);
  return document === undefined || key === undefined ? undefined : { label, key, ...document };
}

/** Like `findContact`. Throws ClientError `unknown`. */
export async function readContact(home: Home, label: string): Promise<Contact> {
  const contact = await findContact(home, label);
  if (contact !== undefined) return contact;
  throw new ClientError('unknown', `there is no contact named ${label}`, { remedy: 'postern smallmail contacts list' });
}

export async function listContacts(home: Home): Promise<Contact[]> {
  const names = await namesIn(join(home.folder, 'contacts'));
  const labels = names.filter((name) => name.endsWith('.json')).map((name) => name.slice(0, -'.json'.length));
  const contacts = await Promise.all(labels.map((label) => findContact(home, label)));
  return contacts.filter((contact) => contact !== undefined);
}

export async function removeContact(home: Home, label: string): Promise<void> {
  await readContact(home, label);
  await rm(fileOf(home, label, 'json'));
  await rm(fileOf(home, label, 'pgp'));
}

/** Vouches for a contact's key with the key of one of our mailboxes: the signature goes along with each export. */
export async function signContact(home: Home, label: string, signer: OwnKey, now: number): Promise<void> {
  const { config } = await openPgp();
  const contact = await readContact(home, label);
  const key = await readPublicKey(contact.key);
  const signed = await key.signAllUsers([signer.key], new Date(now), config);
  await saveContact(home, { ...contact, key: asBuffer(signed.write()) });
}

/** Who vouches for a key, as far as the keys in `known` can tell. */
export async function vouchersOf(keyOctets: Uint8Array, known: readonly Uint8Array[], now: number): Promise<Voucher[]> {
  const { config } = await openPgp();
  const key = await readPublicKey(keyOctets);
  const keys = await Promise.all(known.map(readPublicKey));
  const vouchers: Voucher[] = [];
  for (const user of key.users) {
    for (const certification of user.otherCertifications) {
      const signers = keys.filter((candidate) => candidate.getKeys(certification.issuerKeyID).length > 0);
      const good = await user.verifyCertificate(certification, signers, new Date(now), config).catch(() => false);
      const by = good === true ? signers[0] : undefined;
      vouchers.push({
        keyId: certification.issuerKeyID.toHex(),
        by: by === undefined ? undefined : fingerprint(by),
        state: good === null ? 'unknown' : good ? 'good' : 'bad',
      });
    }
  }
  return vouchers;
}

/** The key as text that can be pasted anywhere. */
export async function armourKey(octets: Uint8Array): Promise<string> {
  const { library, config } = await openPgp();
  return (await readPublicKey(octets)).armor({ ...library.config, ...config }).replaceAll('\r\n', '\n');
}

/** Groups of four, five on a line, for two people who compare by voice. */
export function formatFingerprint(mailbox: string): string {
  const groups = mailbox.match(/.{1,4}/g) ?? [];
  const lines = [];
  for (let at = 0; at < groups.length; at += 5) lines.push(groups.slice(at, at + 5).join(' '));
  return lines.join('\n');
}

async function saveContact(home: Home, contact: Contact): Promise<Contact> {
  await replaceFile(fileOf(home, contact.label, 'pgp'), contact.key);
  await writeDocument(fileOf(home, contact.label, 'json'), { address: formatAddress(contact.address) });
  return contact;
}

function fileOf(home: Home, label: string, ending: string): string {
  return join(home.folder, 'contacts', `${checkLabel(label)}.${ending}`);
}

async function readPublicKey(octets: Uint8Array): Promise<PublicKey> {
  const { library } = await openPgp();
  if (octets.length > MAX_KEY_FILE) throw new ClientError('key', 'the key file is too long');
  let keys: Key[];
  try {
    keys = isArmoured(octets)
      ? await library.readKeys({ armoredKeys: asBuffer(octets).toString('latin1') })
      : await library.readKeys({ binaryKeys: new Uint8Array(octets) });
  } catch (cause) {
    throw new ClientError('key', 'this is not an OpenPGP public key', { cause });
  }
  const [key, ...more] = keys;
  if (key === undefined || more.length > 0) throw new ClientError('key', 'the file must hold one public key');
  if (key.isPrivate()) throw new ClientError('key', 'this is a secret key; it should never be passed on');
  return key;
}

/** The same judgement that a server makes. */
async function judgeKey(key: PublicKey, now: number): Promise<void> {
  let revoked: boolean;
  try {
    const own = await readCertificate(await withoutOthers(key), now);
    revoked = own.revoked;
  } catch (cause) {
    throw new ClientError('key', `the key cannot be used: ${messageOf(cause)}`, { cause });
  }
  if (revoked) throw new ClientError('key', 'the key was revoked by its owner');
}

/** Without other people's signatures, of which there can be more than a server takes. */
async function withoutOthers(key: PublicKey): Promise<Uint8Array> {
  const copy = await readPublicKey(key.write());
  for (const user of copy.users) user.otherCertifications = [];
  return copy.write();
}

function fingerprint(key: PublicKey): string {
  return key.getFingerprint().toUpperCase();
}
