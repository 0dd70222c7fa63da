// The connecting side of MMTP: sends packets and padding over one link, and tells which of them arrived.
// spec: mixminion-mmtp 2, 3

import type { TLSSocket } from 'node:tls';
import { equalBytes } from '../../base/bytes.ts';
import { messageOf } from '../../base/errors.ts';
import { type Random, systemRandom } from '../../base/random.ts';
import { type Clock, MINUTE, SECOND, systemClock } from '../../base/time.ts';
import { Connection } from '../../net/connection.ts';
import { NetError } from '../../net/errors.ts';
import type { Acknowledgement } from './carrier.ts';
import { MmtpError } from './errors.ts';
import { type Hop, type LinkOptions, openLink } from './link.ts';
import * as wire from './wire.ts';

/** Units on their way without an answer. */
const WINDOW = 6;
/** How long the peer may take to say goodbye in return. */
const FAREWELL_TIME = 2 * SECOND;

export interface MmtpOptions extends Omit<LinkOptions, 'clock' | 'timeout'> {
  /** How long the peer may do nothing while something is wanted of it, connecting included, in milliseconds; 2 minutes when not given.   spec: mixminion-mmtp 4 */
  readonly timeout?: number;
  /** The versions to offer. Only 0.3 is spoken, whatever else is offered. */
  readonly versions?: readonly string[];
  readonly clock?: Clock;
  /** Fills padding units. */
  readonly random?: Random;
  /** Awaited before each unit is written, with its octets: resolves when there is bandwidth for them. */
  readonly pace?: ((octets: number) => Promise<void>) | undefined;
}

interface Waiting {
  readonly expected: wire.ExpectedAnswers;
  readonly answered: PromiseWithResolvers<wire.Answer>;
}

export class MmtpConnection {
  readonly hop: Hop;
  readonly #options: MmtpOptions;
  readonly #clock: Clock;
  readonly #timeout: number;
  #socket: TLSSocket | undefined;
  #connection: Connection | undefined;
  #failure: MmtpError | undefined;
  /** Written and not answered; the oldest first. */
  readonly #waiting: Waiting[] = [];
  /** Answers that `awaitAcks` will ask for. */
  #unclaimed: Promise<wire.Answer>[] = [];
  /** The unit before: units leave one after another. */
  #turn: Promise<unknown> = Promise.resolve();
  #room: PromiseWithResolvers<void> | undefined;
  /** The unit that is being written: TLS has taken all of it when the next one's turn comes. */
  readonly #outgoing = Buffer.allocUnsafeSlow(wire.UNIT_LENGTH);
  /** Ends when no answer can come any more. */
  #reading: Promise<void> = Promise.resolve();
  /** When the peer was last asked for something, or gave it. */
  #active = 0;
  readonly #counts = { packets: 0, padding: 0, acks: 0 };

  /** Nothing is sent before `connect`. */
  constructor(hop: Hop, options: MmtpOptions = {}) {
    this.hop = hop;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#timeout = options.timeout ?? 2 * MINUTE;
  }

  /** Undefined before `connect` and after the end, the peer's too. */
  get socket(): TLSSocket | undefined {
    return this.#socket;
  }

  /** What ended it, or `mmtp-closed` once `close` was called; undefined while it can be used. */
  get failure(): MmtpError | undefined {
    return this.#failure;
  }

  /** Packets and padding units sent, those in part too, and answers received. */
  get counts(): { readonly packets: number; readonly padding: number; readonly acks: number } {
    return { ...this.#counts };
  }

  /** Opens the link and agrees on the version. Throws MmtpError, after which this connection is of no more use. */
  async connect(): Promise<void> {
    if (this.#socket || this.#failure) throw new MmtpError('mmtp-closed', 'a connection is opened once');
    const { versions = [wire.VERSION] } = this.#options;
    try {
      const socket = await openLink(this.hop, { ...this.#options, clock: this.#clock, timeout: this.#timeout });
      if (this.#failure) {
        socket.destroy();
        throw this.#failure;
      }
      const connection = new Connection(socket, { clock: this.#clock, writeTimeout: this.#timeout });
      this.#socket = socket;
      this.#connection = connection;
      await connection.write(wire.writeVersions(versions));
      const agreed = wire.writeVersions([wire.VERSION]);
      const answer = await connection.block(agreed.length, this.#timeout);
      if (!equalBytes(answer, agreed)) throw new MmtpError('mmtp-protocol', 'the server does not choose MMTP 0.3');
      this.#reading = this.#readAnswers(connection);
    } catch (error) {
      throw this.#fail(error);
    }
  }

  /** Resolves when the packet of 32768 octets is written: whether it arrived is for `awaitAcks` to say. */
  async sendPacket(packet: Uint8Array): Promise<void> {
    await this.#sendUnclaimed({ kind: 'SEND', body: packet });
  }

  /** Sends 32768 octets that mean nothing, random ones when none are given.   spec: mixminion-mmtp 6 */
  async sendPadding(octets?: Uint8Array): Promise<void> {
    await this.#sendUnclaimed(this.#padding(octets));
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
  async deliver(packet: Uint8Array): Promise<Acknowledgement> {
    return (await this.#sendAndWait({ kind: 'SEND', body: packet })) === 'RECEIVED' ? 'received' : 'rejected';
  }

  /** Sends one padding unit and waits for its answer. Throws MmtpError when the connection ends before. */
  async pad(): Promise<void> {
    await this.#sendAndWait(this.#padding());
  }

  /** Waits for the answers that are still out, says goodbye, and gives the peer a moment to do the same. Never throws. */
  async close(): Promise<void> {
    await this.#turn;
    await Promise.allSettled(this.#waiting.map(({ answered }) => answered.promise));
    if (this.#socket === undefined || this.#failure) return this.destroy();
    this.#failure = new MmtpError('mmtp-closed', 'the connection is closed');
    this.#socket.end();
    const cancel = this.#clock.timer(FAREWELL_TIME, () => this.destroy());
    await this.#reading; // whatever comes now but the peer's own goodbye ends it too
    cancel();
    this.destroy();
  }

  /** Ends it at once. */
  destroy(): void {
    this.#fail(new MmtpError('mmtp-closed', 'the connection is closed'));
  }

  #padding(octets?: Uint8Array): wire.Unit {
    return { kind: 'JUNK', body: octets ?? (this.#options.random ?? systemRandom).bytes(wire.BODY_LENGTH) };
  }

  async #sendUnclaimed(unit: wire.Unit): Promise<void> {
    const { written, answered } = this.#send(unit);
    this.#unclaimed.push(answered);
    await written;
  }

  async #sendAndWait(unit: wire.Unit): Promise<wire.Answer> {
    const { written, answered } = this.#send(unit);
    const [answer] = await Promise.all([answered, written]);
    return answer;
  }

  /** Both promises fail with what ended the connection; `answered` need not be awaited. */
  #send(unit: wire.Unit): { written: Promise<void>; answered: Promise<wire.Answer> } {
    if (unit.body.byteLength !== wire.BODY_LENGTH) throw new RangeError(`a packet has ${wire.BODY_LENGTH} octets`);
    const answered = Promise.withResolvers<wire.Answer>();
    answered.promise.catch(() => {});
    const written = this.#turn.then(() => this.#write(unit, answered));
    this.#turn = written.catch((error) => answered.reject(error));
    return { written, answered: answered.promise };
  }

  async #write(unit: wire.Unit, answered: Waiting['answered']): Promise<void> {
    while (this.#waiting.length >= WINDOW && !this.#failure) {
      this.#room ??= Promise.withResolvers();
      await this.#room.promise;
    }
    if (!this.#failure) await this.#options.pace?.(wire.UNIT_LENGTH);
    const connection = this.#connection;
    if (this.#failure) throw this.#failure;
    if (connection === undefined) throw new MmtpError('mmtp-closed', 'the connection is not open yet');
    const hashed = wire.hashed(unit);
    this.#counts[unit.kind === 'SEND' ? 'packets' : 'padding'] += 1;
    this.#waiting.push({ expected: wire.expectedAnswers(hashed), answered });
    this.#active = this.#clock.now();
    try {
      await connection.write(wire.writeUnit(hashed, this.#outgoing));
    } catch (error) {
      throw this.#fail(error);
    }
    this.#active = this.#clock.now();
  }

  /** Takes answers until the connection ends, so that the peer's goodbye is noticed also when nothing is under way. */
  async #readAnswers(connection: Connection): Promise<void> {
    try {
      while (await this.#somethingCame(connection)) {
        const octets = await connection.block(wire.ANSWER_LENGTH, this.#timeout);
        const oldest = this.#waiting[0];
        if (oldest === undefined) throw new MmtpError('mmtp-protocol', 'the server answers what was not sent');
        const answer = wire.readAnswer(octets, oldest.expected);
        this.#waiting.shift();
        this.#counts.acks += 1;
        this.#active = this.#clock.now();
        oldest.answered.resolve(answer);
        this.#makeRoom();
      }
      this.#fail(new MmtpError('mmtp-closed', 'the server closed the connection'));
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Waits without an end while nothing is asked of the peer. False when it said goodbye. Throws NetError `timeout`. */
  async #somethingCame(connection: Connection): Promise<boolean> {
    for (;;) {
      const idle = this.#waiting.length === 0;
      const left = idle ? this.#timeout : this.#active + this.#timeout - this.#clock.now();
      try {
        return await connection.awaitLine(Math.max(0, left));
      } catch (error) {
        const timeout = error instanceof NetError && error.code === 'timeout';
        const stillTime = this.#waiting.length === 0 || this.#clock.now() < this.#active + this.#timeout;
        if (!timeout || !stillTime) throw error;
      }
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
