// The connecting side of MMTP: sends packets and padding over one link, and tells which of them arrived.
// spec: mixminion-mmtp 2, 3

import type { TLSSocket } from 'node:tls';
import { equalBytes } from '../../base/bytes.ts';
import { messageOf } from '../../base/errors.ts';
import { type Random, systemRandom } from '../../base/random.ts';
import { type Clock, MINUTE, SECOND, systemClock } from '../../base/time.ts';
import { Connection } from '../../net/connection.ts';
import type { Endpoint } from '../../net/endpoint.ts';
import { NetError } from '../../net/errors.ts';
import { MmtpError } from './errors.ts';
import { type Hop, openLink } from './link.ts';
import * as wire from './wire.ts';

/** Units on their way without an answer. */
const WINDOW = 6;
/** Octets that a peer may still send after we said goodbye. */
const MAX_FAREWELL = 128;
const FAREWELL_TIME = 2 * SECOND;

export interface MmtpOptions {
  /** How long the peer may do nothing, connecting included, in milliseconds; 2 minutes when not given.   spec: mixminion-mmtp 4 */
  readonly timeout?: number;
  /** Reaches servers of the old family too, by TLS that is weak. */
  readonly compat?: 'mixminion-0.0.8';
  /** Goes through this SOCKS5 proxy, such as tor. */
  readonly proxy?: Endpoint | undefined;
  /** The versions to offer. Only 0.3 is spoken, whatever else is offered. */
  readonly versions?: readonly string[];
  readonly clock?: Clock;
  /** Fills padding units. */
  readonly random?: Random;
}

interface Waiting {
  readonly expected: wire.ExpectedAnswers;
  /** Settles when the unit has left. */
  written: Promise<void>;
  readonly answered: PromiseWithResolvers<wire.Answer>;
}

export class MmtpConnection {
  readonly hop: Hop;
  readonly #options: MmtpOptions;
  readonly #timeout: number;
  #socket: TLSSocket | undefined;
  #connection: Connection | undefined;
  #failure: MmtpError | undefined;
  /** The oldest first. */
  readonly #waiting: Waiting[] = [];
  /** Answers that `awaitAcks` will ask for. */
  #unclaimed: Promise<wire.Answer>[] = [];
  /** The unit before: units leave one after another. */
  #turn: Promise<void> = Promise.resolve();
  #room: PromiseWithResolvers<void> | undefined;
  #reading = false;
  readonly #counts = { packets: 0, padding: 0, acks: 0 };

  /** Nothing is sent before `connect`. */
  constructor(hop: Hop, options: MmtpOptions = {}) {
    this.hop = hop;
    this.#options = options;
    this.#timeout = options.timeout ?? 2 * MINUTE;
  }

  /** Undefined before `connect` and after the end. */
  get socket(): TLSSocket | undefined {
    return this.#socket;
  }

  /** Packets and padding units sent, those in part too, and answers received. */
  get counts(): { readonly packets: number; readonly padding: number; readonly acks: number } {
    return { ...this.#counts };
  }

  /** Opens the link and agrees on the version. Throws MmtpError, after which this connection is of no more use. */
  async connect(): Promise<void> {
    if (this.#socket || this.#failure) throw new MmtpError('mmtp-closed', 'a connection is opened once');
    const { clock = systemClock, compat, proxy, versions = [wire.VERSION] } = this.#options;
    try {
      const socket = await openLink(this.hop, { clock, timeout: this.#timeout, compat, proxy });
      if (this.#failure) {
        socket.destroy();
        throw this.#failure;
      }
      const connection = new Connection(socket, { clock, writeTimeout: this.#timeout });
      this.#socket = socket;
      this.#connection = connection;
      await connection.write(wire.writeVersions(versions));
      const agreed = wire.writeVersions([wire.VERSION]);
      const answer = await connection.block(agreed.length, this.#timeout);
      if (!equalBytes(answer, agreed)) throw new MmtpError('mmtp-protocol', 'the server does not choose MMTP 0.3');
    } catch (error) {
      throw this.#fail(error);
    }
  }

  /** Resolves when the packet of 32768 octets is written: whether it arrived is for `awaitAcks` to say. */
  async sendPacket(packet: Uint8Array): Promise<void> {
    await this.#send({ kind: 'SEND', body: packet }, true).written;
  }

  /** Sends 32768 octets that mean nothing, random ones when none are given.   spec: mixminion-mmtp 6 */
  async sendPadding(octets?: Uint8Array): Promise<void> {
    const { random = systemRandom } = this.#options;
    await this.#send({ kind: 'JUNK', body: octets ?? random.bytes(wire.BODY_LENGTH) }, true).written;
  }

  /**
   * Resolves when all that was sent before is received. Throws MmtpError: `mmtp-rejected` when the server did not take
   * a packet, and the connection goes on; otherwise what ended the connection.
   */
  async awaitAcks(): Promise<void> {
    const claimed = this.#unclaimed;
    this.#unclaimed = [];
    const answers = await Promise.all(claimed);
    const rejected = answers.filter((answer) => answer === 'REJECTED').length;
    if (rejected > 0) throw new MmtpError('mmtp-rejected', `the server rejects ${rejected} packets`);
    if (this.#failure) throw this.#failure;
  }

  /** Sends one packet and waits for its own answer. Throws MmtpError when the connection ends before. */
  async deliver(packet: Uint8Array): Promise<'received' | 'rejected'> {
    const { written, answered } = this.#send({ kind: 'SEND', body: packet }, false);
    const [answer] = await Promise.all([answered, written]);
    return answer === 'RECEIVED' ? 'received' : 'rejected';
  }

  /** Waits for the answers that are still out, says goodbye, and gives the peer a moment to do the same. Never throws. */
  async close(): Promise<void> {
    await this.#turn;
    await Promise.allSettled(this.#waiting.map(({ answered }) => answered.promise));
    const [socket, connection] = [this.#socket, this.#connection];
    if (socket === undefined || connection === undefined || this.#failure) return this.destroy();
    this.#failure = new MmtpError('mmtp-closed', 'the connection is closed');
    socket.end();
    try {
      await connection.block(MAX_FAREWELL + 1, FAREWELL_TIME);
    } catch (error) {
      if (!(error instanceof NetError)) throw error; // it ended, as it should, or it takes too long
    }
    this.destroy();
  }

  /** Ends it at once. */
  destroy(): void {
    this.#fail(new MmtpError('mmtp-closed', 'the connection is closed'));
  }

  #send(unit: wire.Unit, claimLater: boolean): { written: Promise<void>; answered: Promise<wire.Answer> } {
    const octets = wire.writeUnit(unit);
    const waiting: Waiting = {
      expected: wire.expectedAnswers(unit),
      written: Promise.resolve(),
      answered: Promise.withResolvers(),
    };
    const written = this.#turn.then(() => this.#write(octets, unit.kind, waiting));
    this.#turn = written.catch((error) => waiting.answered.reject(error));
    const answered = waiting.answered.promise;
    answered.catch(() => {}); // it may be claimed later, or by `written` failing too
    if (claimLater) this.#unclaimed.push(answered);
    return { written, answered };
  }

  async #write(octets: Buffer, kind: wire.Unit['kind'], waiting: Waiting): Promise<void> {
    while (this.#waiting.length >= WINDOW && !this.#failure) {
      this.#room ??= Promise.withResolvers();
      await this.#room.promise;
    }
    const connection = this.#connection;
    if (this.#failure) throw this.#failure;
    if (connection === undefined) throw new MmtpError('mmtp-closed', 'the connection is not open yet');
    this.#counts[kind === 'SEND' ? 'packets' : 'padding'] += 1;
    this.#waiting.push(waiting);
    waiting.written = connection.write(octets).catch((error) => {
      throw this.#fail(error);
    });
    void this.#readAnswers(connection);
    await waiting.written;
  }

  /** Takes answers for as long as a unit waits for one; a stray answer is then met by the next unit, and fits it not. */
  async #readAnswers(connection: Connection): Promise<void> {
    if (this.#reading) return;
    this.#reading = true;
    try {
      for (let oldest = this.#waiting[0]; oldest !== undefined; oldest = this.#waiting[0]) {
        await oldest.written;
        const octets = await connection.block(wire.ANSWER_LENGTH, this.#timeout);
        const answer = wire.readAnswer(octets, oldest.expected);
        this.#waiting.shift();
        this.#counts.acks += 1;
        oldest.answered.resolve(answer);
        this.#makeRoom();
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#reading = false;
    }
  }

  #makeRoom(): void {
    this.#room?.resolve();
    this.#room = undefined;
  }

  /** Ends everything with the first failure, and returns that one. */
  #fail(error: unknown): MmtpError {
    this.#failure ??= asMmtpError(error);
    for (const { answered } of this.#waiting.splice(0)) answered.reject(this.#failure);
    this.#makeRoom();
    this.#connection?.destroy();
    this.#socket = undefined;
    this.#connection = undefined;
    return this.#failure;
  }
}

function asMmtpError(error: unknown): MmtpError {
  if (error instanceof MmtpError) return error;
  const timeout = error instanceof NetError && error.code === 'timeout';
  return new MmtpError(timeout ? 'mmtp-timeout' : 'mmtp-closed', messageOf(error), { cause: error });
}
