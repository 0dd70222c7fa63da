// Hands RFC 5322 messages to a relay host over SMTP, one after the other in one conversation. The message goes as it is: line ends become CR LF, a dot that
// begins a line is doubled on its way, and nothing else is touched.

import type { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { Readable } from 'node:stream';
import { TLSSocket } from 'node:tls';
import SmtpConnection from 'nodemailer/lib/smtp-connection';
import { asBuffer } from '../base/bytes.ts';
import { codeOf, messageOf } from '../base/errors.ts';
import { type Clock, MINUTE, SECOND } from '../base/time.ts';
import { openSocket } from '../net/dial.ts';
import { type Endpoint, formatEndpoint, isLoopback } from '../net/endpoint.ts';
import { NetError } from '../net/errors.ts';
import { SmtpRelayError } from './errors.ts';

const TIMEOUT = 5 * MINUTE;
/** For the connection alone, of which nothing is expected any more when it takes longer. */
const CONNECT_TIME = 30 * SECOND;
/** A relay may take its time to close; we do not wait longer. */
const CLOSE_TIME = 1000;
const MAX_REPLY = 64 * 1024;
const FIRST_EIGHT_BIT = 0x80;
const MAX_REPLY_TEXT = 200;

export interface RelayHost {
  readonly endpoint: Endpoint;
  /**
   * `none` is for relays on this machine alone. `starttls` and `implicit` want a good certificate. `encrypted` takes any, and `offered`
   * takes any where there is TLS and goes without where there is none: RFC 7435, for mail servers of the world.
   */
  readonly tls: 'none' | 'offered' | 'encrypted' | 'starttls' | 'implicit';
  /** The name in its certificate, where that is not the endpoint's host. */
  readonly name?: string;
  /** Asked before anything is sent over TLS; false: this is not the right server. */
  readonly judge?: (certificate: X509Certificate) => boolean;
  readonly user?: string;
  readonly password?: string;
  /** PEM certificates to trust in place of the system's. */
  readonly ca?: string;
}

export interface RelayWay {
  readonly relay: RelayHost;
  /** What this office calls itself in EHLO. */
  readonly hostname: string;
  readonly clock: Clock;
  /** For the greetings, and for each message, ms; 5 minutes when not given. */
  readonly timeout?: number;
  readonly signal?: AbortSignal;
}

export interface RelayMail {
  /** Envelope sender; '' for none. */
  readonly from: string;
  /** Envelope recipients, one at least. */
  readonly to: readonly string[];
  readonly message: Uint8Array | MessageStream;
  /** What the sender wants to hear, for a relay that knows of that. RFC 3461 */
  readonly notify?: DsnRequest;
}

export type RelayRequest = RelayWay & RelayMail;

export interface DsnRequest {
  readonly ret?: string | undefined;
  readonly envid?: string | undefined;
  /** Of all the recipients alike. */
  readonly notify?: string[] | undefined;
  /** `rfc822;address` */
  readonly orcpt?: string | undefined;
}

/** A message that is too long to be whole in memory. */
export interface MessageStream {
  readonly size: number;
  /** Some octets are beyond ASCII. */
  readonly eightBit: boolean;
  readonly chunks: AsyncIterable<Uint8Array>;
}

export interface Relayed {
  readonly accepted: readonly string[];
  /** Recipients that the relay would not have: `code` from 500 for good, from 400 for now. */
  readonly refused: readonly { readonly to: string; readonly code: number; readonly text: string }[];
  /** The relay knows what the sender wants to hear, and sees to it. */
  readonly tells: boolean;
}

/**
 * Sends one message. Resolves when the relay has answered for every recipient, even if it took none of them; throws
 * SmtpRelayError when the message as a whole did not get there. RFC 5321, 3207, 8314.
 */
export async function relayMail(request: RelayRequest): Promise<Relayed> {
  const session = await RelaySession.open(request);
  try {
    return await session.send(request, request.signal);
  } finally {
    session.close();
  }
}

/** A conversation with a relay that has greeted us, and knows who we are where it has to. */
export class RelaySession {
  readonly #connection: SmtpConnection;
  readonly #way: RelayWay;
  #sent = 0;
  #broken = false;

  private constructor(connection: SmtpConnection, way: RelayWay) {
    this.#connection = connection;
    this.#way = way;
    const broken = () => {
      this.#broken = true;
    };
    connection.on('error', broken);
    connection.on('end', broken);
  }

  /** Throws SmtpRelayError. */
  static async open(way: RelayWay): Promise<RelaySession> {
    const { relay, clock } = way;
    const { endpoint, tls } = relay;
    if (tls === 'none' && !isLoopback(endpoint.host))
      throw new SmtpRelayError('insecure', `mail would go to ${formatEndpoint(endpoint)} in the clear`, {
        remedy: 'use TLS ("starttls" or "implicit"), or a relay on this machine',
      });
    const until = clock.now() + (way.timeout ?? TIMEOUT);
    using stop = limited(way, way.signal);
    let connection = await open(way, until);
    try {
      try {
        await greet(connection, way, stop.signal);
      } catch (error) {
        // A server whose TLS does not work gets mail all the same, where one that had none would.
        const isTls = error instanceof SmtpRelayError && codeOf(error.cause) === 'ETLS';
        if (tls !== 'offered' || stop.signal.aborted || !isTls) throw error;
        connection.close();
        connection = await open(way, until, true);
        await greet(connection, way, stop.signal);
      }
    } catch (error) {
      connection.close();
      throw error;
    }
    return new RelaySession(connection, way);
  }

  /** Messages that it has taken. */
  get sent(): number {
    return this.#sent;
  }

  /** False when it broke, or stands where no other message can begin. */
  get usable(): boolean {
    return !this.#broken;
  }

  /** As `relayMail`. After a failure, and when no recipient was taken, it is not usable any more. */
  async send(mail: RelayMail, signal?: AbortSignal): Promise<Relayed> {
    using stop = limited(this.#way, signal);
    try {
      const relayed = await converse(this.#connection, mail, stop.signal);
      if (relayed.accepted.length === 0) this.#broken = true; // its transaction is still open
      this.#sent += 1;
      return relayed;
    } catch (error) {
      this.#broken = true;
      throw error;
    }
  }

  /** Says goodbye where that can be heard. */
  close(): void {
    if (this.#broken) this.#connection.close();
    else this.#connection.quit();
    this.#broken = true;
  }
}

/** A signal that comes when `signal` does, or when the relay takes too long. */
function limited({ clock, timeout = TIMEOUT }: RelayWay, signal: AbortSignal | undefined) {
  signal?.throwIfAborted();
  const cut = new AbortController();
  const cancel = clock.timer(timeout, () => cut.abort(new Error('the relay is too slow')));
  return { signal: AbortSignal.any(signal ? [signal, cut.signal] : [cut.signal]), [Symbol.dispose]: cancel };
}

async function open({ relay, hostname, clock }: RelayWay, until: number, inTheClear = false): Promise<SmtpConnection> {
  const { endpoint, tls, ca, name } = relay;
  const timeout = Math.max(1, until - clock.now());
  const socket = await openSocket({ to: endpoint, clock, timeout: Math.min(CONNECT_TIME, timeout) }).catch(
    (error: unknown) => {
      throw error instanceof NetError ? new SmtpRelayError('later', error.message, { cause: error }) : error;
    },
  );
  const connection = new SmtpConnection({
    host: endpoint.host,
    port: endpoint.port,
    connection: socket,
    secure: tls === 'implicit',
    requireTLS: tls === 'starttls' || tls === 'encrypted',
    ignoreTLS: tls === 'none' || inTheClear,
    name: hostname,
    tls: {
      minVersion: 'TLSv1.2',
      rejectUnauthorized: tls !== 'offered' && tls !== 'encrypted',
      ...(name === undefined || isIP(name) !== 0 ? {} : { servername: name }),
      ...(ca === undefined ? {} : { ca }),
    },
    connectionTimeout: timeout,
    greetingTimeout: timeout,
    socketTimeout: timeout,
    socketCloseTimeout: CLOSE_TIME,
    maxResponseSize: MAX_REPLY,
    logger: false,
  });
  connection.on('error', () => {}); // whoever waits for something hears of it as well
  return connection;
}

/** Takes steps of the conversation, each of which fails when the connection breaks or `signal` says so. */
function stepper(connection: SmtpConnection, signal: AbortSignal) {
  const over = new AbortController();
  const broken = new Promise<never>((_resolve, reject) => {
    const ended = () => reject(new Error('the relay closed the connection'));
    const stop = () => reject(signal.reason);
    connection.on('error', reject);
    connection.on('end', ended);
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { signal: over.signal });
    over.signal.addEventListener('abort', () => connection.off('error', reject).off('end', ended));
  });
  broken.catch(() => {}); // it may break when nobody waits any more
  const take = <T>(act: (done: (error?: Error | null, value?: T) => void) => void) =>
    Promise.race([
      broken,
      new Promise<T | undefined>((resolve, reject) => act((error, value) => (error ? reject(error) : resolve(value)))),
    ]);
  return { take, [Symbol.dispose]: () => over.abort() };
}

async function greet(connection: SmtpConnection, { relay }: RelayWay, signal: AbortSignal): Promise<void> {
  using steps = stepper(connection, signal);
  try {
    await steps.take((done) => connection.connect(done));
    const { user, password, judge } = relay;
    const { _socket: socket } = connection;
    if (judge !== undefined && socket instanceof TLSSocket) {
      const certificate = socket.getPeerX509Certificate();
      if (certificate === undefined || !judge(certificate))
        throw new Error('the server shows another key than it should');
    }
    if (user !== undefined && password !== undefined)
      await steps.take((done) => connection.login({ user, pass: password }, done));
  } catch (cause) {
    throw signal.aborted ? stopped(signal) : new SmtpRelayError('later', messageOf(cause), { cause });
  }
}

async function converse(connection: SmtpConnection, mail: RelayMail, signal: AbortSignal): Promise<Relayed> {
  const { from, to, message, notify: dsn } = mail;
  using steps = stepper(connection, signal);
  const tells = dsn !== undefined && knowsDsn(connection);
  try {
    const whole = message instanceof Uint8Array;
    const size = whole ? message.byteLength : message.size;
    const use8BitMime = whole ? message.some((octet) => octet >= FIRST_EIGHT_BIT) : message.eightBit;
    const envelope = { from, to: [...to], size, use8BitMime, ...(tells ? { dsn } : {}) };
    const octets = whole ? asBuffer(message) : Readable.from(message.chunks, { objectMode: false });
    const sent = await steps.take<Refusals>((done) => connection.send(envelope, octets, done));
    const refused = refusals(sent);
    const lost = new Set(refused.map((refusal) => refusal.to));
    return { accepted: to.filter((recipient) => !lost.has(recipient)), refused, tells };
  } catch (error) {
    const refused = refusals(error);
    if (refused.length > 0) return { accepted: [], refused, tells };
    throw signal.aborted ? stopped(signal) : failure(error);
  }
}

/** The library reads the answer to EHLO and keeps it to itself. */
function knowsDsn(connection: SmtpConnection): boolean {
  const extensions: unknown = Reflect.get(connection, '_supportedExtensions');
  return Array.isArray(extensions) && extensions.includes('DSN');
}

interface Refusals {
  readonly rejectedErrors?: readonly Refusal[] | undefined;
}

interface Refusal {
  readonly recipient?: string | undefined;
  readonly responseCode?: number | undefined;
  readonly response?: string | undefined;
}

function refusals(from: unknown): Relayed['refused'] {
  const { rejectedErrors = [] } = (from ?? {}) as Refusals;
  return rejectedErrors.map(({ recipient = '', responseCode = 0, response = '' }) => ({
    to: recipient,
    code: responseCode,
    text: response.slice(0, MAX_REPLY_TEXT),
  }));
}

function stopped(signal: AbortSignal): SmtpRelayError {
  return new SmtpRelayError('later', messageOf(signal.reason), { cause: signal.reason });
}

/** Without a reply, only what the library would not even send is hopeless: a message or an address that cannot go. */
function failure(error: unknown): SmtpRelayError {
  const { responseCode, command, code } = error as { responseCode?: number; command?: string; code?: string };
  const unsendable = responseCode === undefined && (code === 'EENVELOPE' || code === 'EMESSAGE') && command !== 'CONN';
  const forGood = unsendable || (responseCode !== undefined && responseCode >= 500 && responseCode !== 503);
  return new SmtpRelayError(forGood ? 'refused' : 'later', messageOf(error), { cause: error });
}
