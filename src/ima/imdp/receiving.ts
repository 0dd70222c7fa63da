// server-receive's side of a connection: the certificate is judged, then the exchange goes on with what it may speak for.   spec: ima 1.2, 2.4

import { isIPv6 } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Clock } from '../../base/time.ts';
import type { Connection } from '../../net/connection.ts';
import { ImaError } from '../errors.ts';
import { isOurs } from '../incoming.ts';
import type { HeldLetter } from '../letter.ts';
import { checkChain } from '../trust/chain.ts';
import { peerCertificate, speaksFor, type Trust, tlsVersion } from '../trust/peer.ts';
import { formatDate, type Head, recipientsOf, senderOf } from '../wire/message.ts';
import { distinctAddresses, hostOf } from '../wire/names.ts';
import { type Reception, type Refusal, serveImdp } from './server.ts';

/** Messages whose handler may be at work at once; others hear BUSY. */
const MAX_HANDLERS = 256;

export interface Receiving {
  readonly trust: Trust;
  readonly clock: Clock;
  /** Our name, for the `received` header. */
  readonly host: string;
  readonly hostparts: readonly string[];
  readonly maxSize: number;
  /** Hostparts from which nothing is taken. */
  readonly refused: readonly string[];
  readonly folder: string | undefined;
  /** Which of our own addresses have no entry; left out: not asked before the data. */
  unknownHere?(addresses: readonly string[]): Promise<readonly string[]>;
  handle(letter: HeldLetter, sender: string, say: (line: string) => Promise<void>): Promise<number | undefined>;
  count(outcome: string): void;
}

/** Serves one connection. Throws NetError when the peer is gone. */
export class Receiver {
  readonly #receiving: () => Receiving;
  #handlers = 0;

  constructor(receiving: () => Receiving) {
    this.#receiving = receiving;
  }

  async serve(connection: Connection, socket: unknown): Promise<void> {
    const receiving = this.#receiving();
    const { trust, clock, count } = receiving;
    if (!(socket instanceof TLSSocket)) return;
    const peer = peerCertificate(socket);
    try {
      if (peer === undefined) throw new ImaError('certificate', 'there is no certificate');
      const { roots, clientUse } = trust;
      checkChain(peer.leaf, peer.others, { roots, clientUse, now: clock.now(), side: 'client' });
    } catch (error) {
      if (!(error instanceof ImaError)) throw error;
      count('certificate');
      connection.destroy(); // spec: ima 1.2
      return;
    }
    const tls = tlsVersion(socket);
    const ip = plainAddress(connection.peer.address);
    await serveImdp(connection, {
      maxSize: receiving.maxSize,
      folder: receiving.folder,
      count,
      maySend: (head) => speaksFor(peer, hostOf(senderOf(head)), trust),
      judge: (head) => this.#judge(head, receiving),
      received: (head) =>
        `from=${hostOf(senderOf(head))} by=${receiving.host} at=${formatDate(clock.now())} tls=${tls} ip=${ip}`,
      handle: (letter, say) => this.#handle(receiving, letter, say),
    } satisfies Reception);
  }

  async #judge(head: Head, { refused, hostparts, unknownHere }: Receiving): Promise<Refusal | undefined> {
    if (unknownHere) {
      const ours = distinctAddresses(recipientsOf(head)).filter((address) => isOurs(address, hostparts));
      if (ours.length === 0) return { reason: 'NORECIPIENT' };
      const unknown = await unknownHere(ours);
      if (unknown.length > 0) return { reason: 'NORECIPIENT', text: unknown.join(' ') };
    }
    if (refused.includes(hostOf(senderOf(head)))) return { reason: 'POLICY' };
    return this.#handlers >= MAX_HANDLERS ? { reason: 'BUSY' } : undefined;
  }

  async #handle(receiving: Receiving, letter: HeldLetter, say: (line: string) => Promise<void>) {
    this.#handlers += 1;
    try {
      return await receiving.handle(letter, hostOf(senderOf(letter.head)), say);
    } finally {
      this.#handlers -= 1;
    }
  }
}

function plainAddress(address: string | undefined): string {
  if (address === undefined) return '-';
  return isIPv6(address) ? address.replace(/^::ffff:(?=\d+\.)/, '') : address;
}
