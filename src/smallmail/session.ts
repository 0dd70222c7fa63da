// One conversation at the SmallMail counter: what was proved on it, and what its client may still do.

import { TokenBucket } from '../base/token-bucket.ts';
import type { Connection } from '../net/connection.ts';
import type { Mailbox } from '../store/store.ts';
import { badSize, gone, identificationFailed, wrongTime } from './answers.ts';
import { makeChallenge, RESPONSE_LIMIT } from './challenge.ts';
import { CERTIFICATE, idOf, renew } from './mailbox.ts';
import type { Room } from './room.ts';
import { type ClientLine, formatServerLine, LINE_LIMIT, parseClientLine, type ServerLine } from './wire.ts';
import { WorkAllowance } from './work.ts';

export class Session {
  readonly connection: Connection;
  readonly room: Room;
  readonly work: WorkAllowance;
  readonly sends: TokenBucket;
  /** Mailboxes proved on this connection, and when. */
  readonly #proved = new Map<string, number>();

  constructor(connection: Connection, room: Room) {
    this.connection = connection;
    this.room = room;
    this.work = new WorkAllowance(room.post);
    this.sends = new TokenBucket(room.rates.send, room.post.clock);
  }

  /** The next command; undefined when the client is gone or has been silent for too long. Throws WireError and NetError. */
  async next(): Promise<ClientLine | undefined> {
    const { idle_time, line_time } = this.room.settings;
    if (!(await this.connection.awaitLine(idle_time))) return undefined;
    const line = await this.connection.line(LINE_LIMIT, line_time);
    return line === undefined ? undefined : parseClientLine(line);
  }

  /** Sends one line as one TLS record.   spec: smallmail 2.2 */
  async send(line: ServerLine): Promise<void> {
    await this.connection.write(formatServerLine(line));
  }

  /** Makes the client prove that the mailbox is its own, unless it did so lately.   spec: smallmail 2.6 */
  async identify(mailbox: string): Promise<Mailbox> {
    const { post, settings, decoy } = this.room;
    const found = await post.store.mailboxes.get(idOf(mailbox));
    const proved = this.#proved.get(mailbox);
    if (found !== undefined && proved !== undefined && post.clock.now() - proved < settings.identification)
      return found;

    // An unknown mailbox takes the same steps, so that nobody learns which exist.
    const stored = await post.store.documents.get(idOf(mailbox), CERTIFICATE);
    const proof = await this.#challenge(stored?.value ?? decoy);
    if (!proof || found === undefined || stored === undefined) throw identificationFailed();
    this.#proved.set(mailbox, post.clock.now());
    await renew(post, settings, found);
    return found;
  }

  async #challenge(certificate: Uint8Array): Promise<boolean> {
    const { post, settings } = this.room;
    const challenge = makeChallenge(this.connection.peer.serverKey, post.clock.now(), post.random);
    await this.send({ word: 'CHAL', challenge });
    const line = await this.next();
    if (line === undefined) throw gone();
    if (line.word !== 'RESP') throw wrongTime();
    if (line.size < 1 || line.size > RESPONSE_LIMIT) throw badSize();
    const response = await this.connection.block(line.size, settings.body_time);
    const { verifyResponse } = await import('./openpgp/identification.ts');
    const now = post.clock.now();
    return verifyResponse({ certificate, challenge, response, now, allowSha1: settings.legacy_sha1 });
  }
}
