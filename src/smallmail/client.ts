// The client's side of one SmallMail conversation: each method is one command and waits for its final reply.

import { PosternError } from '../base/errors.ts';
import { MINUTE } from '../base/time.ts';
import type { Connection } from '../net/connection.ts';
import { RESPONSE_LIMIT } from './challenge.ts';
import { type ClientLine, formatClientLine, LINE_LIMIT, parseServerLine, type ServerLine, WireError } from './wire.ts';
import { findWork } from './work.ts';

const MAX_WORK_BITS = 28; // spec: smallmail 2.10

export type SmallMailFailure =
  /** REJECT: the server does not want it (full, unknown mailbox, rate, proof of the mailbox failed). */
  | 'rejected'
  /** ERR NoMessage. */
  | 'no-message'
  /** Another ERR. */
  | 'refused'
  /** ERR BadCommand or NotImplemented: the server does not know the word. */
  | 'unknown-command'
  /** The server ended the conversation where an answer was due. */
  | 'cut'
  /** What came is not SmallMail. Nothing more is sent. */
  | 'nonsense';

export class SmallMailError extends PosternError<SmallMailFailure> {}

export interface ListedMessage {
  readonly id: string;
  readonly size: number;
}

export interface ClientOptions {
  /**
   * Signs a challenge with the mailbox's key: a binary detached OpenPGP signature. It is the place to refuse
   * challenges that must not be signed, by throwing.   spec: smallmail 2.6
   */
  readonly sign?: (mailbox: string, challenge: string, serverKey: Buffer | undefined) => Promise<Uint8Array>;
  /** How long an answer may take. */
  readonly answerTime?: number;
  /** How long a body may take. */
  readonly bodyTime?: number;
}

export class SmallMailClient {
  readonly #connection: Connection;
  readonly #options: ClientOptions;

  constructor(connection: Connection, options: ClientOptions = {}) {
    this.#connection = connection;
    this.#options = options;
  }

  /** CRID: makes the mailbox of a key in binary OpenPGP form, or renews its key, and returns its name.   spec: smallmail 2.4 */
  async create(key: Uint8Array): Promise<string> {
    await this.#send({ word: 'CRID', size: key.length });
    await this.#connection.write(key);
    return (await this.#expect('IDCR')).mailbox;
  }

  /** SEND and BODY. When it resolves, the server has the message on its disk.   spec: smallmail 2.5 */
  async send(mailbox: string, body: Uint8Array, progress?: (sent: number) => void): Promise<void> {
    await this.#send({ word: 'SEND', mailbox, size: body.length });
    await this.#expect('ACCEPT');
    await this.#send({ word: 'BODY', size: body.length });
    for (let sent = 0; sent < body.length; ) {
      const chunk = body.subarray(sent, sent + 64 * 1024);
      await this.#connection.write(chunk);
      sent += chunk.length;
      progress?.(sent);
    }
    await this.#expect('RCVD');
  }

  /** LIST: all messages, oldest first.   spec: smallmail 2.7 */
  async *list(mailbox: string): AsyncGenerator<ListedMessage, void, void> {
    await this.#send({ word: 'LIST', mailbox });
    for (let line = await this.#identified(mailbox); ; line = await this.#line()) {
      if (line.word === 'LSTD') return;
      if (line.word !== 'MSG') throw this.#unexpected(line);
      yield { id: line.id, size: line.size };
    }
  }

  /** RECV: the whole message, its size first.   spec: smallmail 2.7 */
  async receive(mailbox: string, id: string): Promise<{ size: number; chunks: AsyncIterable<Buffer> }> {
    await this.#send({ word: 'RECV', mailbox, id });
    const line = await this.#identified(mailbox);
    if (line.word !== 'BODY') throw this.#unexpected(line);
    return { size: line.size, chunks: this.#body(line.size) };
  }

  /** RPRT: the octets from `offset`, `length` of them or up to the end.   spec: smallmail 2.7 */
  async part(
    mailbox: string,
    id: string,
    offset: number,
    length: number | 'END' = 'END',
  ): Promise<{ size: number; chunks: AsyncIterable<Buffer> }> {
    await this.#send({ word: 'RPRT', mailbox, id, offset, length });
    const line = await this.#identified(mailbox);
    if (line.word !== 'PART' || line.offset !== offset) throw this.#unexpected(line);
    if (length !== 'END' && line.size > length) throw this.#unexpected(line);
    return { size: line.size, chunks: this.#body(line.size) };
  }

  /** DELE. False when the message was gone already.   spec: smallmail 2.7 */
  async delete(mailbox: string, id: string): Promise<boolean> {
    await this.#send({ word: 'DELE', mailbox, id });
    try {
      const line = await this.#identified(mailbox);
      if (line.word !== 'DLTD') throw this.#unexpected(line);
      return true;
    } catch (error) {
      if (error instanceof SmallMailError && error.code === 'no-message') return false;
      throw error;
    }
  }

  /**
   * WORK: does the proof of work that the server asks for, which raises what this connection may do. To be tried after a
   * REJECT. False when the server knows no such thing.   spec: smallmail 2.10
   */
  async work(progress?: (tried: number, expected: number) => void): Promise<boolean> {
    await this.#send({ word: 'WORK' });
    let line: ServerLine;
    try {
      line = await this.#line();
    } catch (error) {
      if (error instanceof SmallMailError && error.code === 'unknown-command') return false;
      throw error;
    }
    if (line.word !== 'WORK' || line.bits > MAX_WORK_BITS) throw this.#unexpected(line);
    const { bits, token } = line;
    const nonce = await findWork(token, bits, { progress: (tried) => progress?.(tried, 2 ** bits) });
    await this.#send({ word: 'PROOF', token, nonce });
    await this.#expect('WRKD');
    return true;
  }

  /** Ends the conversation. */
  async close(): Promise<void> {
    await this.#connection.close();
  }

  async #send(line: ClientLine): Promise<void> {
    await this.#connection.write(formatClientLine(line));
  }

  /** The next line of the server. ERR and REJECT become SmallMailError; what is not SmallMail ends the connection. */
  async #line(): Promise<ServerLine> {
    const octets = await this.#connection.line(LINE_LIMIT, this.#options.answerTime ?? 2 * MINUTE);
    if (octets === undefined) throw new SmallMailError('cut', 'the server ended the conversation without an answer');
    let line: ServerLine;
    try {
      line = parseServerLine(octets);
    } catch (error) {
      if (error instanceof WireError) throw this.#unexpected();
      throw error;
    }
    if (line.word === 'REJECT') throw new SmallMailError('rejected', 'the server does not accept this');
    if (line.word === 'ERR') throw errorOf(line.error);
    return line;
  }

  async #expect<Word extends ServerLine['word']>(word: Word): Promise<Extract<ServerLine, { word: Word }>> {
    const line = await this.#line();
    if (line.word !== word) throw this.#unexpected(line);
    return line as Extract<ServerLine, { word: Word }>;
  }

  /** The first line of the answer proper, after the handshake if the server wants one. */
  async #identified(mailbox: string): Promise<ServerLine> {
    const line = await this.#line();
    if (line.word !== 'CHAL') return line;
    const { sign } = this.#options;
    try {
      if (sign === undefined)
        throw new SmallMailError('refused', 'the server asks for proof of the mailbox, and there is no key for it');
      const response = await sign(mailbox, line.challenge, this.#connection.peer.serverKey);
      if (response.length > RESPONSE_LIMIT)
        throw new SmallMailError('refused', 'the signature is too long for SmallMail');
      await this.#send({ word: 'RESP', size: response.length });
      await this.#connection.write(response);
    } catch (error) {
      this.#connection.destroy(); // a command in half a handshake leaves nothing to go on with
      throw error;
    }
    return this.#line();
  }

  async *#body(size: number): AsyncGenerator<Buffer, void, void> {
    yield* this.#connection.stream(size, this.#options.bodyTime ?? 10 * MINUTE);
  }

  /** spec: smallmail 2.8 (a client that gets nonsense sends nothing and closes) */
  #unexpected(line?: ServerLine): SmallMailError {
    this.#connection.destroy();
    const what = line === undefined ? 'something that is not SmallMail' : `${line.word} in the wrong place`;
    return new SmallMailError('nonsense', `the server answered with ${what}`, {
      remedy: 'check the address: is a SmallMail server listening there?',
    });
  }
}

function errorOf(word: string): SmallMailError {
  switch (word) {
    case 'NoMessage':
      return new SmallMailError('no-message', 'the server has no such message');
    case 'BadCommand':
    case 'NotImplemented':
      return new SmallMailError('unknown-command', 'the server does not know this command');
    case 'BadParam':
      return new SmallMailError('refused', 'the server does not understand or does not take what was sent (BadParam)');
    case 'ProtocolError':
      return new SmallMailError('refused', 'the server says that the protocol was broken (ProtocolError)');
    default: // spec: smallmail 2.8 (unknown words are a ServerError)
      return new SmallMailError('refused', 'the server has an internal problem (ServerError); try again later');
  }
}
