// What the CMTP commands share: the folder they work in, the courier that goes out for them, accounts and their passphrases.

import { systemRandom } from '../../base/random.ts';
import { systemClock } from '../../base/time.ts';
import type { Places } from '../../cmtp/client/accounts.ts';
import { type Address, formatAddress, readAddress } from '../../cmtp/client/address.ts';
import type { Courier } from '../../cmtp/client/courier.ts';
import { type Account, type Home, openHome, readAccount } from '../../cmtp/client/home.ts';
import { type Note, outboxOf } from '../../cmtp/client/outbox.ts';
import { checkPassphrase, makePassphrase } from '../../cmtp/client/passphrase.ts';
import { parseEndpoint } from '../../net/endpoint.ts';
import { askSecret } from '../ask-person.ts';
import type { OfflineOptions, OnlineOptions } from '../client-options.ts';
import { UsageError } from '../command.ts';
import type { Desk } from '../outbox.ts';
import { print, showProgress } from '../output.ts';
import { userFolder } from '../user-folder.ts';

const PLAIN_PORT = 9001;
const TLS_PORT = 9003;

export interface PlaceOptions {
  readonly server?: string;
  /** False: none. True: nobody said anything. */
  readonly tls: string | boolean;
}

export function homeOf(options: OfflineOptions): Promise<Home> {
  return openHome(userFolder(options, 'cmtp'));
}

export function deskOf(home: Home): Desk<Note> {
  return {
    outbox: outboxOf(home),
    client: 'cmtp',
    sendsLater: 'list',
    nameOf: ({ to }) => formatAddress(to),
  };
}

/** The account of this address, or the only one here. */
export async function accountOf(home: Home, address: string | undefined): Promise<Account> {
  return readAccount(home, address === undefined ? undefined : readAddress(address));
}

/** Runs `work` with a courier, and a bar on the terminal while messages are on their way. */
export async function withCourier<T>(
  options: OnlineOptions,
  about: string,
  work: (courier: Courier) => Promise<T>,
): Promise<T> {
  const home = await homeOf(options);
  const bar = await showProgress(about);
  const progress = (done: number, total: number) => bar.update(done, total);
  try {
    return await work({ home, clock: systemClock, random: systemRandom, proxy: options.proxy, progress });
  } finally {
    bar.stop();
  }
}

/** Where the server is: what was said, or else the domain with the usual ports. */
export function placesOf({ domain }: Address, { server, tls }: PlaceOptions): Places {
  const plain = parseEndpoint((server ?? domain).toLowerCase(), PLAIN_PORT);
  if (plain === undefined) throw new UsageError(`${server ?? domain} is not a server`, 'say where: --server host:port');
  if (tls === false) return { server: plain };
  const secure = parseEndpoint(typeof tls === 'string' ? tls.toLowerCase() : plain.host, TLS_PORT);
  if (secure === undefined) throw new UsageError(`${tls} is not a server`, 'give host:port');
  return { server: plain, tls: secure };
}

/** $POSTERN_PASSPHRASE, or what is typed. */
export async function passphraseOf(address: Address): Promise<string> {
  const given = process.env['POSTERN_PASSPHRASE'] ?? (await askSecret(`Passphrase of ${formatAddress(address)}: `));
  if (given === undefined) {
    throw new UsageError('the key is sealed with a passphrase', 'run this in a terminal, or set POSTERN_PASSPHRASE');
  }
  return given;
}

/** A passphrase that is new: made here, taken from the variable, or typed twice. Throws ClientError `weak`. */
export async function newPassphraseFor(address: Address, variable: string, generate: boolean): Promise<string> {
  if (generate) {
    const made = makePassphrase(systemRandom);
    print(`the passphrase of ${formatAddress(address)}, shown this once:\n\n  ${made}\n`, process.stderr);
    return made;
  }
  const given = process.env[variable] ?? (await askSecret(`New passphrase of ${formatAddress(address)}: `));
  if (given === undefined) {
    throw new UsageError('a key needs a passphrase', `run this in a terminal, set ${variable}, or give --generate`);
  }
  checkPassphrase(given);
  if (process.env[variable] === undefined && given !== (await askSecret('The same again: '))) {
    throw new UsageError('the two passphrases differ');
  }
  return given;
}
