// One conversation with a server, from the client's side: one method a command. It finds out by itself whether the server
// speaks as the seed says or as the old reference server does.   spec: cmtp 4, 9 D1, D2

import { SECOND } from '../../base/time.ts';
import type { Connection } from '../../net/connection.ts';
import { NetError } from '../../net/errors.ts';
import { checkPublicKey, SIGNATURE_LENGTH, verify } from '../crypto/keys.ts';
import { DELIVERY_FAILURE, FAILURE, KEY_NOT_AVAILABLE, REFERENCE, SUCCESS } from '../wire/replies.ts';
import { ClientError } from './errors.ts';
import { type KeyReply, type Reply, readBlock, readKeyReply, readReply, readText, readXzibitReply } from './replies.ts';

export type Dialect = 'seed' | 'reference';

/** How long OHAI may go unanswered, before the server is taken for one that does not answer it.   spec: cmtp 9 D1 */
const OHAI_TIME = 5 * SECOND;
const GREETING = 'Welcome to CMTP';
/** NOOP's answer before its NUL. */
const NOOP_ANSWER = REFERENCE.noop.toString('latin1', 0, 4);
/** What the old reference server reads behind a message and never looks at.   spec: cmtp 4.3 */
const REFERENCE_NONCE = Buffer.alloc(64);

/** A message on its way to a server: its octets from the version to the last attachment. */
export interface Outgoing {
  readonly attachments: number;
  readonly chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

export type Sent =
  /** The server says that it is on its disk. */
  | 'stored'
  /** An old server has read it, which is all that it ever says. */
  | 'unconfirmed';

export class CmtpSession {
  readonly dialect: Dialect;
  /** Ed25519, 32 octets; every reply of the server is checked against it. Not yet compared with any other. */
  readonly serverKey: Buffer;
  readonly #connection: Connection;

  private constructor(connection: Connection, dialect: Dialect, serverKey: Buffer) {
    this.#connection = connection;
    this.dialect = dialect;
    this.serverKey = serverKey;
  }

  /** Greets the server and asks for its key. Throws ClientError `protocol`, NetError. */
  static async open(connection: Connection): Promise<CmtpSession> {
    const { dialect, silent } = await detect(connection);
    await connection.write('KEYREQUEST\0\0\0');
    let reply = await readReply(connection);
    // A SUCCESS here can only be for OHAI, late.
    if (silent && reply.kind === 'text' && isGeneral(reply.text)) reply = await readReply(connection);
    if (reply.kind === 'text') throw refusal(reply.text, 'the server gives no key of its own');
    const { key, signature } = await readKeyReply(connection);
    if (!verify(signature, key, key)) throw forged();
    checkPublicKey(key);
    return new CmtpSession(connection, dialect, Buffer.from(key));
  }

  /** The key of a user, 32 octets; undefined when there is none. The domain is always sent.   spec: cmtp 4.1, 9 D8, D10 */
  async keyOf(account: string, domain: string): Promise<Buffer | undefined> {
    await this.#connection.write(`KEYREQUEST\0${account}\0${domain}\0`);
    const reply = await readReply(this.#connection);
    if (reply.kind === 'text') {
      this.#check(reply);
      if (reply.text === KEY_NOT_AVAILABLE) return undefined;
      throw refusal(reply.text, 'the server gives no key');
    }
    const answer = await readKeyReply(this.#connection);
    if (verify(answer.signature, answer.key, this.serverKey)) {
      checkPublicKey(answer.key);
      return Buffer.from(answer.key);
    }
    if (this.#saysNoKey(answer)) return undefined;
    throw forged();
  }

  /** A user's xzibit, 156 octets; undefined when there is no such user.   spec: cmtp 4.2 */
  async login(account: string): Promise<Buffer | undefined> {
    await this.#connection.write(`LOGIN\0${account}\0`);
    let reply: Reply;
    try {
      reply = await readReply(this.#connection);
    } catch (error) {
      // The old server says nothing when it has no such user, and never says anything again.
      if (this.dialect === 'reference' && error instanceof NetError) return undefined;
      throw error;
    }
    if (reply.kind === 'text') {
      this.#check(reply);
      if (reply.text === FAILURE) return undefined;
      throw refusal(reply.text, 'the server gives no xzibit');
    }
    const { xzibit, signature } = await readXzibitReply(this.#connection);
    if (!verify(signature, xzibit, this.serverKey)) throw forged();
    return Buffer.from(xzibit);
  }

  /**
   * Hands over a message. Throws ClientError `undeliverable`, `refused`, or `not-now` when it may be tried again.
   * spec: cmtp 4.3, 9 D11
   */
  async mail(message: Outgoing): Promise<Sent> {
    if (this.dialect === 'reference' && message.attachments > 0) {
      throw new ClientError('undeliverable', 'the server is an old one, which does not understand attachments');
    }
    try {
      await this.#connection.write('MAIL\0');
      for await (const chunk of message.chunks) await this.#connection.write(chunk);
      if (this.dialect === 'reference')
        await this.#connection.write(Buffer.concat([REFERENCE_NONCE, Buffer.from('NOOP\0')]));
    } catch (error) {
      if (!(error instanceof NetError)) throw error;
      await this.#early(error); // it may have said why it went away
    }
    return this.dialect === 'reference' ? this.#receipt() : this.#settled();
  }

  /** Whether the server answers. */
  async noop(): Promise<void> {
    await this.#connection.write('NOOP\0');
    if (this.dialect === 'reference') await readText(this.#connection);
    else await this.#done('NOOP');
  }

  /** Says OBAI and closes. What the server says to it, if it says anything, is of no matter.   spec: cmtp 9 D5 */
  async close(): Promise<void> {
    await this.#connection.write('OBAI\0').catch(() => {});
    await this.#connection.close();
  }

  /** Sends what is asked and expects SUCCESS. Throws ClientError `refused` with `failure` when it is FAILURE. */
  async ask(request: Uint8Array | string, failure: string): Promise<void> {
    await this.#connection.write(request);
    await this.#done(failure);
  }

  /** Sends what is asked and expects an answer of version 1, whose octets are then read. */
  async askFor(request: Uint8Array | string, failure: string): Promise<(length: number) => Promise<Buffer>> {
    await this.#connection.write(request);
    const reply = await readReply(this.#connection);
    if (reply.kind === 'text') {
      this.#check(reply);
      throw refusal(reply.text, failure);
    }
    return (length) => readBlock(this.#connection, length);
  }

  /** The next octets of an answer, in chunks. */
  stream(length: number, timeout: number): AsyncIterable<Buffer> {
    return this.#connection.stream(length, timeout);
  }

  async #done(failure: string): Promise<void> {
    const reply = await readReply(this.#connection);
    if (reply.kind === 'answer') throw outOfTurn();
    this.#check(reply);
    if (reply.text !== SUCCESS) throw refusal(reply.text, failure);
  }

  async #settled(): Promise<Sent> {
    await this.#done('the server does not take the message');
    return 'stored';
  }

  /** The old server answers NOOP when it has read the message, or DELIVERYFAILURE before that, and then junk. */
  async #receipt(): Promise<Sent> {
    const head = (await readBlock(this.#connection, 4)).toString('latin1');
    if (head === NOOP_ANSWER && (await readText(this.#connection)) === '') return 'unconfirmed';
    this.#connection.destroy();
    if (head === '\0\0\0\x01') throw refusal(DELIVERY_FAILURE, '');
    throw outOfTurn();
  }

  /** The reply to a message that could not be sent to its end. */
  async #early(error: NetError): Promise<never> {
    try {
      await this.#settled();
    } catch (reply) {
      throw reply instanceof NetError ? error : reply;
    }
    throw error;
  }

  #saysNoKey({ hidden }: KeyReply): boolean {
    return (
      this.dialect === 'reference' &&
      hidden.word === KEY_NOT_AVAILABLE.slice(0, 4) &&
      verify(hidden.signature, Buffer.from(`${KEY_NOT_AVAILABLE}\0`), this.serverKey)
    );
  }

  /** A signature over a text, with its NUL or without.   spec: cmtp 9 D3 */
  #check({ text, signature }: { text: string; signature: Buffer }): void {
    const signs = (signed: string) => verify(signature, Buffer.from(signed), this.serverKey);
    if (!signs(text) && !signs(`${text}\0`)) throw forged();
  }
}

/** Which dialect the server speaks; `silent` when it has not (yet) answered OHAI.   spec: cmtp 9 D1 */
async function detect(connection: Connection): Promise<{ dialect: Dialect; silent: boolean }> {
  await connection.write('OHAI\0');
  try {
    let word = await readText(connection, OHAI_TIME);
    if (word.startsWith(GREETING)) {
      await readText(connection);
      return { dialect: 'reference', silent: false };
    }
    if (word === '') {
      await readBlock(connection, 3); // the version 0 of a server that puts it before general replies
      word = await readText(connection);
    }
    if (isGeneral(word)) await readBlock(connection, SIGNATURE_LENGTH + 1);
    return { dialect: 'seed', silent: false };
  } catch (error) {
    if (!(error instanceof NetError) || error.code !== 'timeout') throw error;
    return { dialect: 'seed', silent: true };
  }
}

function isGeneral(word: string): boolean {
  return word === SUCCESS || word === FAILURE;
}

/** What a refusal means. The words that CMTP knows say no; any other text is the server's own, and says: not now. */
function refusal(text: string, failure: string): ClientError {
  if (text === DELIVERY_FAILURE) {
    return new ClientError('undeliverable', 'the server cannot deliver it', {
      remedy:
        'is the address right? For another domain the server may want to know you first: postern cmtp send --from',
    });
  }
  if (text === FAILURE || text === KEY_NOT_AVAILABLE) return new ClientError('refused', failure);
  return new ClientError('not-now', `the server says, not now: ${text}`, { remedy: 'try again later' });
}

function forged(): ClientError {
  return new ClientError('protocol', "the server's answer is not signed by its key", {
    remedy: 'somebody may be in between; try again over another network',
  });
}

function outOfTurn(): ClientError {
  return new ClientError('protocol', 'the server answers what was not asked');
}
