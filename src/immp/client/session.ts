// One conversation with a server, from the client's side: commands go out in whole lines, replies find the command that they
// answer, whatever the order. A line is read from the network only when somebody waits for a reply.   spec: immp 2.1, 2.2, 2.9

import { type Clock, DAY, SECOND, systemClock } from '../../base/time.ts';
import type { Connection } from '../../net/connection.ts';
import { NetError } from '../../net/errors.ts';
import type { Command } from '../wire/forms.ts';
import { formatLine, type Piped } from '../wire/line.ts';
import { parseReply, REPLY_LINE_LIMIT, type Reply } from '../wire/reply.ts';
import { frame } from '../wire/texts.ts';
import { ClientError, refused } from './errors.ts';
import { Exchange, isRefusal, REPLY_TIME } from './exchange.ts';
import { type Greeting, greeted, type Upgrade, upgradeTo } from './greeting.ts';

/** Octets that may wait for somebody to take them, over all commands. */
const MAX_HELD = 64 * 1024 * 1024;
/** How long a frame may take. */
const FRAME_TIME = REPLY_TIME;
/** For what a server says that went away. */
const LAST_WORDS_TIME = 5 * SECOND;
/** A WATCH may be silent for as long as nothing happens. */
const MAX_SILENCE = 365 * DAY;

/** The octets that follow a 271, exactly as they are to go out. */
export type Block = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/** A command of a line, and its block if it is one that uploads. */
export interface Sending extends Piped<Command> {
  readonly block?: Block;
}

export class ImmpSession {
  readonly greeting: Greeting;
  /** SHA-256 of the server's SubjectPublicKeyInfo. */
  readonly serverKey: Buffer;
  readonly #connection: Connection;
  readonly #clock: Clock;
  readonly #unnamed: Exchange[] = [];
  readonly #named = new Map<string, Exchange>();
  #held = 0;
  #pipes = 0;
  #failure: unknown;
  #reading: Promise<void> | undefined;
  #sending: Promise<unknown> = Promise.resolve();

  private constructor(connection: Connection, clock: Clock, greeting: Greeting) {
    this.#connection = connection;
    this.#clock = clock;
    this.greeting = greeting;
    this.serverKey = connection.peer.serverKey ?? Buffer.alloc(0);
  }

  /**
   * Reads the greeting and upgrades to TLS; nothing else has been said when this resolves. Throws NetError `tls` when the key
   * is not `pin`, `injected` when octets came in the clear behind the upgrade; ClientError `protocol`, `refused`.
   */
  static async open(connection: Connection, upgrade: Upgrade & { readonly clock?: Clock }): Promise<ImmpSession> {
    try {
      const greeting = await greeted(connection);
      await upgradeTo(connection, greeting, upgrade);
      return ImmpSession.upgraded(connection, greeting, upgrade.clock);
    } catch (error) {
      connection.destroy();
      throw error;
    }
  }

  /** The same over a connection that is encrypted already, one way or the other. */
  static upgraded(connection: Connection, greeting: Greeting, clock = systemClock): ImmpSession {
    return new ImmpSession(connection, clock, greeting);
  }

  /** Sends one command of no pipeline and gives its replies, the last one last. Throws ClientError `refused`, `not-now`. */
  async ask(command: Command): Promise<[...Reply[], Reply]> {
    return (await this.begin(command)).all();
  }

  /** Sends one command and gives its exchange, to be read while others run. */
  async begin(command: Command, pipe?: string): Promise<Exchange> {
    const [exchange] = await this.send([{ command, ...(pipe === undefined ? {} : { pipe }) }]);
    if (exchange === undefined) throw new Error('a line without commands');
    return exchange;
  }

  /** A name that no pipeline of this conversation has had. */
  newPipe(): string {
    this.#pipes += 1;
    return `p${this.#pipes}`;
  }

  /**
   * Sends commands in one line; each block follows when the server says 271 to its command, and is left out when it refuses.
   * Resolves when all blocks are out. A block that throws ends the conversation, since the server waits for the rest of it.
   */
  send(line: readonly Sending[]): Promise<Exchange[]> {
    const sent = this.#sending.then(() => this.#send(line));
    this.#sending = sent.catch(() => {});
    return sent;
  }

  /** Sends a line that belongs to a command under way, such as AUTH RESPONSE.   spec: immp 2.6 */
  async reply(command: Command): Promise<void> {
    await this.#connection.write(formatLine([{ command }]));
  }

  /** Says QUIT, hears 205 and closes. */
  async quit(): Promise<void> {
    await this.ask({ word: 'QUIT' }).catch(() => {});
    await this.#connection.close();
  }

  /** Ends it at once. */
  destroy(): void {
    this.#connection.destroy();
  }

  async #send(line: readonly Sending[]): Promise<Exchange[]> {
    if (this.#failure !== undefined) throw this.#failure;
    const octets = formatLine(line);
    const exchanges = line.map(({ pipe }) => this.#exchange(pipe));
    await this.#connection.write(octets);
    for (const [at, { block }] of line.entries()) {
      const exchange = exchanges[at];
      if (block !== undefined && exchange !== undefined) await this.#upload(exchange, block);
    }
    return exchanges;
  }

  async #upload(exchange: Exchange, block: Block): Promise<void> {
    const first = await exchange.peek();
    if (first?.reply.code !== '271') return; // the refusal is for whoever asks
    await exchange.next();
    try {
      for await (const chunk of block) if (chunk.byteLength > 0) await this.#connection.write(chunk);
    } catch (error) {
      if (error instanceof NetError) await exchange.all(LAST_WORDS_TIME); // it may have said why it went away
      this.#fail(error);
      throw error;
    }
  }

  #exchange(pipe: string | undefined): Exchange {
    const exchange = new Exchange(
      (until, timeout) => this.#readUntil(until, timeout),
      (octets) => {
        this.#held -= octets;
      },
    );
    if (pipe === undefined) this.#unnamed.push(exchange);
    else if (this.#named.has(pipe)) throw new Error(`the pipeline ${pipe} is in use`);
    else this.#named.set(pipe, exchange);
    return exchange;
  }

  /** Reads lines, together with whoever else waits, until `come` is true. */
  async #readUntil(come: () => boolean, timeout: number): Promise<void> {
    const cancel = Number.isFinite(timeout)
      ? this.#clock.timer(timeout, () => this.#fail(new NetError('timeout', 'the server does not answer')))
      : () => {};
    try {
      while (!come()) {
        if (this.#failure !== undefined) throw this.#failure;
        this.#reading ??= this.#readOne().finally(() => {
          this.#reading = undefined;
        });
        await this.#reading;
      }
    } finally {
      cancel();
    }
  }

  async #readOne(): Promise<void> {
    try {
      if (!(await this.#connection.awaitLine(MAX_SILENCE))) {
        throw new ClientError('closed', 'the server has ended the conversation');
      }
      const line = await this.#connection.line(REPLY_LINE_LIMIT, FRAME_TIME);
      const reply = parseReply(line ?? Buffer.alloc(0));
      const octets = await this.#frameOf(reply);
      const exchange = this.#exchangeOf(reply);
      exchange.put({ reply, ...(octets ? { octets } : {}) });
      if (!exchange.ended) return;
      if (reply.pipe === undefined) this.#unnamed.shift();
      else this.#named.delete(reply.pipe);
    } catch (error) {
      this.#fail(error);
      throw this.#failure;
    }
  }

  async #frameOf({ code, more, text }: Reply): Promise<readonly Buffer[] | undefined> {
    const announced = code === '251' && more ? frame.read(text) : undefined;
    if (announced?.kind !== 'length') return undefined;
    this.#held += announced.octets;
    if (this.#held > MAX_HELD) throw new ClientError('protocol', 'more comes in than is taken');
    return Array.fromAsync(this.#connection.stream(announced.octets, FRAME_TIME));
  }

  #exchangeOf(reply: Reply): Exchange {
    const exchange = reply.pipe === undefined ? this.#unnamed[0] : this.#named.get(reply.pipe);
    if (exchange !== undefined) return exchange;
    if (isRefusal(reply)) throw refused(reply); // it says goodbye
    throw new ClientError('protocol', 'the server answers what was not asked', { reply });
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
    this.#connection.destroy();
  }
}
