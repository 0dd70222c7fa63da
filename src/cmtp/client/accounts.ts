// An account's life on the user's side: brought in from its server, made with an invitation, given new keys or a new passphrase.
// The keys are on the disk before the server hears of them.   spec: cmtp 3, 4.2, 9 D22, D23

import { equalBytes, toHex } from '../../base/bytes.ts';
import type { Endpoint } from '../../net/endpoint.ts';
import type { KeyPair } from '../crypto/keys.ts';
import { makeKeyPair } from '../crypto/keys.ts';
import { isXzibit, openXzibit, sealXzibit } from '../crypto/xzibit.ts';
import { type Address, formatAddress } from './address.ts';
import { type Courier, converse, type ServerPlace } from './courier.ts';
import { ClientError } from './errors.ts';
import { type Account, findAccount, type Home, saveAccount } from './home.ts';
import { enrol, prove, rotate } from './words.ts';

export interface Places {
  readonly server: Endpoint;
  readonly tls?: Endpoint | undefined;
}

/**
 * Brings in an account from its server. When it is here with another key already, that one is kept to read old mail.
 * Throws ClientError `unknown` when the server has no such account, SealError `wrong-passphrase`.
 */
export async function login(courier: Courier, address: Address, at: Places, passphrase: string): Promise<Account> {
  const [xzibit, key] = await converse(courier, { ...at, domain: address.domain }, async (session) => [
    await session.login(address.account),
    await session.keyOf(address.account, ''),
  ]);
  if (xzibit === undefined) throw new ClientError('unknown', `the server has no account ${address.account}`);
  const pair = await openXzibit(xzibit, passphrase);
  if (key === undefined || !equalBytes(key, pair.publicKey)) {
    throw new ClientError('protocol', 'the server gives others another key for this account than the one in it', {
      remedy: 'what they write would be sealed to somebody else: ask its operator',
    });
  }
  const before = await findAccount(courier.home, address);
  const publicKey = toHex(pair.publicKey);
  const old = before === undefined ? [] : before.publicKey === publicKey ? before.old : [...before.old, before.xzibit];
  const account = { ...address, ...at, publicKey, xzibit, old };
  await saveAccount(courier.home, account);
  return account;
}

/** A new key pair under a passphrase, kept here. The same again when it was begun before and nothing came of it. */
export async function makeAccount(
  { home, random }: Pick<Courier, 'home' | 'random'>,
  address: Address,
  at: Places,
  passphrase: string,
): Promise<{ account: Account; own: KeyPair }> {
  const begun = await findAccount(home, address);
  if (begun !== undefined) return { account: begun, own: await openXzibit(begun.xzibit, passphrase) };
  const own = makeKeyPair(random);
  const xzibit = await sealXzibit(own, passphrase, random);
  const account = { ...address, ...at, publicKey: toHex(own.publicKey), xzibit, old: [] };
  await saveAccount(home, account);
  return { account, own };
}

/** Makes the account on its server with an invitation. Throws ClientError `refused`. */
export async function enrolAccount(courier: Courier, account: Account, own: KeyPair, token: string): Promise<void> {
  await converse(courier, account, (session) => enrol(session, account, { token, own, xzibit: account.xzibit }));
}

/** All pairs of an account, the newest first. Throws SealError `wrong-passphrase`. */
export async function unlock(account: Account, passphrase: string): Promise<[KeyPair, ...KeyPair[]]> {
  const newest = await openXzibit(account.xzibit, passphrase);
  const old = await Promise.all(account.old.map((xzibit) => openXzibit(xzibit, passphrase).catch(() => undefined)));
  return [newest, ...old.filter((pair) => pair !== undefined)];
}

/** Gives the account a new key pair under the same passphrase; the one of before still opens old mail. */
export async function rotateKeys(courier: Courier, account: Account, passphrase: string): Promise<Account> {
  const [own] = await unlock(account, passphrase);
  const next = makeKeyPair(courier.random);
  const xzibit = await sealXzibit(next, passphrase, courier.random);
  await saveAccount(courier.home, { ...account, old: [...account.old, xzibit] });
  await proved(courier, account, own, (session) => rotate(session, account, { own: next, xzibit }));
  const old = [...account.old, account.xzibit];
  const rotated = { ...account, publicKey: toHex(next.publicKey), xzibit, old };
  await saveAccount(courier.home, rotated);
  return rotated;
}

/** The same pairs under a new passphrase, here and on the server. */
export async function changePassphrase(
  courier: Courier,
  account: Account,
  passphrase: string,
  next: string,
): Promise<Account> {
  const [own, ...old] = await unlock(account, passphrase);
  if (old.length < account.old.length) {
    throw new ClientError('locked', 'some keys of before are under another passphrase', {
      remedy: 'bring them in again under this one, or move the files in the folder `old` of the account away',
    });
  }
  const [xzibit, ...sealed] = await Promise.all([own, ...old].map((pair) => sealXzibit(pair, next, courier.random)));
  if (xzibit === undefined) throw new Error('an account without keys');
  await proved(courier, account, own, (session) => rotate(session, account, { own, xzibit }));
  const changed = { ...account, xzibit, old: sealed };
  await saveAccount(courier.home, changed);
  return changed;
}

/** Takes in a key of before: an xzibit as a file holds it. Throws ClientError `locked`, SealError. */
export async function addOldKey(home: Home, account: Account, xzibit: Buffer, passphrase: string): Promise<Account> {
  if (!isXzibit(xzibit)) throw new ClientError('unreadable', 'this is not an xzibit, which has 156 octets');
  await openXzibit(xzibit, passphrase);
  const more = { ...account, old: [...account.old, xzibit] };
  await saveAccount(home, more);
  return more;
}

/** A conversation in which the account's key is proved. Throws ClientError `refused` with what to do. */
export async function proved<T>(
  courier: Courier,
  account: Address & ServerPlace,
  own: KeyPair,
  work: Parameters<typeof converse<T>>[2],
): Promise<T> {
  return converse(courier, account, async (session) => {
    await prove(session, account, own).catch((error) => {
      const isRefused = error instanceof ClientError && error.code === 'refused';
      if (account.tls !== undefined || session.dialect === 'reference' || !isRefused) throw error;
      const remedy = `say where: postern cmtp login ${formatAddress(account)} --tls HOST:PORT`;
      throw new ClientError('refused', 'the server wants keys to be proved over TLS', { cause: error, remedy });
    });
    return work(session);
  });
}
