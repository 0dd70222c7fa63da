// What everything that goes out shares: how a server is reached and recognised, when to try again, and how long to wait so
// that the hour tells nothing.

import { fromHex, toHex } from '../../base/bytes.ts';
import { type Random, randomInt } from '../../base/random.ts';
import { type Clock, SECOND, sleep } from '../../base/time.ts';
import type { Connection } from '../../net/connection.ts';
import { type Endpoint, formatEndpoint, isLoopback } from '../../net/endpoint.ts';
import { NetError } from '../../net/errors.ts';
import { SmallMailClient, SmallMailError } from '../client.ts';
import { signChallenge } from './challenge.ts';
import type { Dial } from './circuits.ts';
import { type Home, readServer, saveServer } from './home.ts';
import type { OwnKey } from './key-pair.ts';

export interface Courier {
  readonly home: Home;
  readonly dial: Dial;
  readonly clock: Clock;
  readonly random: Random;
  /** The longest random wait before a letter leaves, and between two mailboxes, in milliseconds. */
  readonly longestDelay: number;
  /** What is on its way, for a bar on the terminal. */
  readonly progress?: (done: number, total: number) => void;
}

/** A server, and its key if an address gave it. */
export type Place = Endpoint & { readonly pin?: string };

/** How fine a share of one is drawn. */
const FINE = 2 ** 30;
/** Before the second, third, ... try of what was cut off. */
const PAUSES = [SECOND, 5 * SECOND, 15 * SECOND];

/**
 * One conversation with a server, on a connection of its own. A server seen for the first time is remembered by its key;
 * nothing is said to one whose key is another than before. With `own`, that mailbox can be opened.   spec: smallmail 2.2
 */
export async function converse<T>(
  courier: Courier,
  at: Place,
  own: OwnKey | undefined,
  work: (client: SmallMailClient) => Promise<T>,
): Promise<T> {
  const server = await readServer(courier.home, at);
  const connection = await dialKnown(courier, at, at.pin ?? server.pin);
  const { serverKey } = connection.peer;
  try {
    if (server.pin === undefined && serverKey) await saveServer(courier.home, at, { ...server, pin: toHex(serverKey) });
    const client = new SmallMailClient(connection, own === undefined ? {} : { sign: signer(courier, own, server.old) });
    const result = await work(client);
    await client.close();
    return result;
  } finally {
    connection.destroy();
  }
}

async function dialKnown(courier: Courier, at: Place, pin: string | undefined): Promise<Connection> {
  try {
    return await courier.dial(at, pin === undefined ? undefined : fromHex(pin));
  } catch (error) {
    if (!(error instanceof NetError) || error.code !== 'tls' || pin === undefined) throw error;
    const forget = `if the owner confirms it: postern smallmail servers forget ${formatEndpoint(at)}`;
    throw new NetError('tls', error.message, { cause: error, remedy: `${error.remedy ?? 'ask its owner'}; ${forget}` });
  }
}

function signer({ clock }: Courier, own: OwnKey, oldServer: boolean) {
  return (_mailbox: string, challenge: string, serverKey: Buffer | undefined) =>
    signChallenge(own, { challenge, serverKey, oldServer, now: clock.now() });
}

/** Tries again what a server rejected, once, when it offers work in exchange.   spec: smallmail 2.10 */
export async function withWork<T>(
  { progress }: Courier,
  client: SmallMailClient,
  attempt: () => Promise<T>,
): Promise<T> {
  try {
    return await attempt();
  } catch (error) {
    if (!isRejection(error) || !(await client.work(progress))) throw error;
    return attempt();
  }
}

/** Repeats what was cut off on the way, three times in a row at most; `further` says that a try brought something. */
export async function withRetries<T>(courier: Courier, attempt: (further: () => void) => Promise<T>): Promise<T> {
  for (let failures = 0; ; ) {
    try {
      return await attempt(() => {
        failures = 0;
      });
    } catch (error) {
      const pause = PAUSES[failures];
      if (!isPassing(error) || pause === undefined) throw error;
      failures += 1;
      await sleep(courier.clock, pause);
    }
  }
}

export function isRejection(error: unknown): boolean {
  return error instanceof SmallMailError && error.code === 'rejected';
}

/** The conversation broke, which says nothing about what was asked. A server that cannot be reached at all is another matter. */
function isPassing(error: unknown): boolean {
  if (error instanceof SmallMailError) return error.code === 'cut';
  return error instanceof NetError && (error.code === 'cut' || error.code === 'timeout');
}

/** A random wait in milliseconds; none for a server on this machine, where nobody is in between.   spec: smallmail 2.11 */
export function drawDelay({ random, longestDelay }: Courier, at: Endpoint): number {
  return isLoopback(at.host) ? 0 : randomInt(random, longestDelay + 1);
}

/**
 * A random time until mailboxes are visited again, on average `mean` and at most five times that: visits that follow no
 * rhythm, and tell nothing by when they come.   spec: smallmail 2.11
 */
export function drawPause(random: Random, mean: number): number {
  const share = (randomInt(random, FINE) + 1) / FINE;
  return Math.min(5 * mean, Math.round(-Math.log(share) * mean));
}
