// Who has a mailbox and how he shows who he is: passwords under scrypt, certificates by their keys or by an authority.   spec: ima 2.8

import { type ScryptOptions, scrypt as scryptWithCallback } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { equalBytes } from '../../base/bytes.ts';
import type { Random } from '../../base/random.ts';
import { ImaError } from '../errors.ts';
import { type ChainOptions, checkChain } from '../trust/chain.ts';
import { keyOf, type PeerCertificate } from '../trust/peer.ts';
import type { Roots } from '../trust/roots.ts';
import { isAddress, sameForm, splitAddress } from '../wire/names.ts';

const scrypt = promisify<string | Buffer, Buffer, number, ScryptOptions, Buffer>(scryptWithCallback);
const COST = { N: 32_768, r: 8, p: 1, maxmem: 64 * 1024 * 1024 }; // spec: ima 2.8
const SALT = 16;
const HASH = 32;

export const AUTH_WAYS = ['cert', 'password', 'both'] as const;
export type AuthWay = (typeof AUTH_WAYS)[number];

export interface User {
  readonly address: string;
  readonly auth: AuthWay;
  /** As `hashPassword` writes it. */
  readonly password?: string | undefined;
  /** SHA-256 of the SubjectPublicKeyInfo of his certificates, lower-case hex. */
  readonly keys: readonly string[];
  /** The path of his mailbox. */
  readonly mailbox: string;
  /** Whether what he sends is kept in `sent`. */
  readonly keepSent: boolean;
}

export interface Users {
  /** By address, or by the part before the @ where only one user has it. */
  find(name: string): Promise<User | undefined>;
}

export async function hashPassword(password: string, random: Random): Promise<string> {
  const salt = random.bytes(SALT);
  const hash = await derive(password, salt);
  return `scrypt:${salt.toString('base64')}:${hash.toString('base64')}`;
}

/** Takes as long for a user that is not there. */
export async function passwordFits(password: string, stored: string | undefined): Promise<boolean> {
  const [kind, salt = '', hash = ''] = (stored ?? '').split(':');
  const derived = await derive(password, Buffer.from(salt, 'base64'));
  return kind === 'scrypt' && equalBytes(derived, Buffer.from(hash, 'base64'));
}

function derive(password: string, salt: Buffer): Promise<Buffer> {
  return scrypt(password.normalize('NFC'), salt, HASH, COST);
}

export interface Login {
  readonly user: string;
  /** Undefined: the certificate is to do. */
  readonly password?: string | undefined;
  readonly certificate: PeerCertificate | undefined;
}

/** The user who this is; undefined when it is not shown.   spec: ima 2.8 */
export async function logIn(
  login: Login,
  users: Users,
  authorities: Roots | undefined,
  now: number,
): Promise<User | undefined> {
  const user = await users.find(login.user);
  const certified = user !== undefined && certificateFits(login.certificate, user, authorities, now);
  if (login.password === undefined) return certified && user?.auth === 'cert' ? user : undefined;
  const known = await passwordFits(login.password, user?.password);
  if (user === undefined || !known || user.auth === 'cert') return undefined;
  return user.auth === 'password' || certified ? user : undefined;
}

/** The key is the identity; an authority of users may vouch instead. */
function certificateFits(
  peer: PeerCertificate | undefined,
  user: User,
  authorities: Roots | undefined,
  now: number,
): boolean {
  if (peer === undefined) return false;
  if (user.keys.includes(keyOf(peer))) return true;
  if (authorities === undefined || !namesAddress(peer, user.address)) return false;
  const options: ChainOptions = { roots: authorities, now, side: 'client', clientUse: 'clientAuth' };
  try {
    return checkChain(peer.leaf, peer.others, options).length > 1;
  } catch (error) {
    if (error instanceof ImaError) return false;
    throw error;
  }
}

/** rfc822Names, or the common name where there are none. */
function namesAddress({ leaf }: PeerCertificate, address: string): boolean {
  const mails = [...(leaf.subjectAltName ?? '').matchAll(/(?:^|, )email:([^,"]+)(?=,|$)/g)].map(
    ([, mail = '']) => mail,
  );
  const common = /^CN=(.+)$/m.exec(leaf.subject)?.[1];
  const names = mails.length > 0 ? mails : common === undefined ? [] : [common];
  return names.some((name) => sameForm(name) === sameForm(address));
}

/** Finds among a list that may change. */
export function usersAmong(list: () => readonly User[]): Users {
  return {
    async find(name) {
      const form = sameForm(name);
      const found = list().filter(({ address }) =>
        isAddress(name) ? sameForm(address) === form : splitAddress(sameForm(address))?.local === form,
      );
      return found.length === 1 ? found[0] : undefined;
    },
  };
}

/** Users from a TOML file: a table for each address. Throws ConfigError. */
export async function readUsersFile(file: string, mailboxOf: (address: string) => string): Promise<User[]> {
  const [{ z }, { readConfig }] = await Promise.all([import('zod'), import('../../post/config-file.ts')]);
  const table = z.strictObject({
    auth: z.enum(AUTH_WAYS).default('password'),
    password: z.string().optional(),
    keys: z.array(z.string().regex(/^[0-9a-f]{64}$/i, 'a key is 64 hex digits')).default([]),
    mailbox: z.string().optional(),
    keep_sent: z.boolean().default(false),
  });
  const schema = z.record(z.string().refine(isAddress, 'each table is named by an address'), table);
  const { settings } = readConfig(await readFile(file, 'utf8'), { file, schema });
  return Object.entries(settings).map(([address, { auth, password, keys, mailbox, keep_sent }]) => ({
    ...{ address, auth, password, mailbox: mailbox ?? mailboxOf(address) },
    keys: keys.map((key) => key.toLowerCase()),
    keepSent: keep_sent,
  }));
}
