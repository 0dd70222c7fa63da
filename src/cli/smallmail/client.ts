// What the SmallMail commands share: the folder they work in, the courier that goes out for them, keys and their passphrases.

import { systemRandom } from '../../base/random.ts';
import { MINUTE, systemClock } from '../../base/time.ts';
import { formatAddress } from '../../smallmail/client/address.ts';
import { makeDial } from '../../smallmail/client/circuits.ts';
import { listContacts } from '../../smallmail/client/contacts.ts';
import type { Courier } from '../../smallmail/client/courier.ts';
import { type Home, type OwnMailbox, openHome } from '../../smallmail/client/home.ts';
import { isSealed, type OwnKey, openKeyPair } from '../../smallmail/client/key-pair.ts';
import { type Note, outboxOf } from '../../smallmail/client/outbox.ts';
import { askSecret } from '../ask-person.ts';
import type { OfflineOptions, OnlineOptions } from '../client-options.ts';
import type { Desk } from '../outbox.ts';
import { showProgress } from '../output.ts';
import { userFolder } from '../user-folder.ts';

/** How long a letter may wait before it leaves.   spec: smallmail 2.11 */
const LONGEST_DELAY = 10 * MINUTE;

/** The client's folder, made when it is not there. What this process writes from now on is for its owner alone. */
export async function homeOf(options: OfflineOptions): Promise<Home> {
  return openHome(userFolder(options, 'smallmail'));
}

/** Runs `work` with a courier for the client's folder, and a bar on the terminal while letters are on their way. */
export async function withCourier<T>(
  options: OnlineOptions,
  about: string,
  work: (courier: Courier) => Promise<T>,
): Promise<T> {
  const home = await homeOf(options);
  const bar = await showProgress(about);
  const dial = makeDial({ proxy: options.proxy, clock: systemClock, random: systemRandom });
  const progress = (done: number, total: number) => bar.update(done, total);
  try {
    return await work({ home, dial, clock: systemClock, random: systemRandom, longestDelay: LONGEST_DELAY, progress });
  } finally {
    bar.stop();
  }
}

/** The outbox, whose readers are called as the contacts call them. */
export async function deskOf(home: Home): Promise<Desk<Note>> {
  const people = await listContacts(home);
  return {
    outbox: outboxOf(home),
    client: 'smallmail',
    sendsLater: 'fetch',
    nameOf: ({ to }) => people.find(({ address }) => address.mailbox === to.mailbox)?.label ?? formatAddress(to),
  };
}

/** Opens a mailbox's key. A sealed one asks for $POSTERN_PASSPHRASE, or on the terminal. */
export async function unlock({ label, secretKey }: OwnMailbox): Promise<OwnKey> {
  if (!(await isSealed(secretKey))) return openKeyPair(secretKey);
  return openKeyPair(secretKey, process.env['POSTERN_PASSPHRASE'] ?? (await askSecret(`Passphrase of ${label}: `)));
}
