// server-post-office's side of a connection: the user shows who he is, then reads his mailbox.   spec: ima 1.3, 2.8

import { TLSSocket } from 'node:tls';
import type { Random } from '../../base/random.ts';
import { type Clock, MINUTE } from '../../base/time.ts';
import type { Connection } from '../../net/connection.ts';
import { sourceOf } from '../../net/source.ts';
import { KeyedBuckets } from '../../post/keyed-buckets.ts';
import { Mailbox } from '../mailbox/mailbox.ts';
import { peerCertificate } from '../trust/peer.ts';
import type { Roots } from '../trust/roots.ts';
import { greet, type LoginDesk } from '../users/greeting.ts';
import type { User, Users } from '../users/users.ts';
import { serveImrp } from './server.ts';

/** Logins from one source. */
const LOGINS = { count: 30, per: MINUTE };

export interface PostOffice {
  readonly users: Users;
  readonly authorities: Roots | undefined;
  readonly clock: Clock;
  readonly random: Random;
  /** The mailbox of a user, one object for all of his connections. */
  mailboxOf(user: User): Mailbox;
  count(outcome: string): void;
  /** Told when a user's conversation is over. */
  left?(user: User): void;
}

export class Reader {
  readonly #office: () => PostOffice;
  readonly #logins: KeyedBuckets;

  constructor(office: () => PostOffice, clock: Clock) {
    this.#office = office;
    this.#logins = new KeyedBuckets(LOGINS, clock);
  }

  async serve(connection: Connection, socket: unknown): Promise<void> {
    const { mailboxOf, clock, count, left } = this.#office();
    const user = await greet(connection, certificateOf(socket), this.desk(connection));
    if (user === undefined) return;
    const mailbox = mailboxOf(user);
    await mailbox.make();
    await serveImrp(connection, { mailbox, clock, count }).finally(() => left?.(user));
  }

  /** The same desk stands at the door of submission. */
  desk(connection: Connection): LoginDesk {
    const { users, authorities, clock, count } = this.#office();
    const source = sourceOf(connection.peer.address);
    return { users, authorities, count, now: () => clock.now(), mayTry: () => this.#logins.take(source) };
  }
}

export function certificateOf(socket: unknown) {
  return socket instanceof TLSSocket ? peerCertificate(socket) : undefined;
}

/** Mailboxes by path, so that all connections share what is known of one. */
export function sharedMailboxes(tools: { readonly clock: Clock; readonly random: Random }): (path: string) => Mailbox {
  const open = new Map<string, Mailbox>();
  return (path) => {
    const mailbox = open.get(path) ?? new Mailbox(path, tools);
    open.set(path, mailbox);
    return mailbox;
  };
}
