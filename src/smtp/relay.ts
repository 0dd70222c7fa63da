// Hands one RFC 5322 message to a relay host over SMTP. The message goes as it is: line ends become CR LF, a dot that
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

export interface RelayRequest {
  readonly relay: RelayHost;
  /** What this office calls itself in EHLO. */
  readonly hostname: string;
  /** Envelope sender; '' for none. */
  readonly from: string;
  /** Envelope recipients, one at least. */
  readonly to: readonly string[];
  readonly message: Uint8Array | MessageStream;
  readonly clock: Clock;
  /** For all of it, ms; 5 minutes when not given. */
  readonly timeout?: number;
  readonly signal?: AbortSignal;
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
}

/**
 * Sends one message. Resolves when the relay has answered for every recipient, even if it took none of them; throws
 * SmtpRelayError when the message as a whole did not get there. RFC 5321, 3207, 8314.
 */
export async function relayMail(request: RelayRequest): Promise<Relayed> {
  const { relay, clock, timeout = TIMEOUT, signal } = request;
  const { endpoint, tls } = relay;
  if (tls === 'none' && !isLoopback(endpoint.host))
    throw new SmtpRelayError('insecure', `mail would go to ${formatEndpoint(endpoint)} in the clear`, {
      remedy: 'use TLS ("starttls" or "implicit"), or a relay on this machine',
    });
  signal?.throwIfAborted();
  const until = clock.now() + timeout;
  const cut = new AbortController();
  const cancel = clock.timer(timeout, () => cut.abort(new Error('the relay is too slow')));
  const stop = AbortSignal.any(signal ? [signal, cut.signal] : [cut.signal]);
  let connection = await open(request, until);
  try {
    try {
      await greet(connection, request, stop);
    } catch (error) {
      // A server whose TLS does not work gets mail all the same, where one that had none would.
      if (tls !== 'offered' || stop.aborted || !(error instanceof SmtpRelayError && codeOf(error.cause) === 'ETLS'))
        throw error;
      connection.close();
      connection = await open(request, until, true);
      await greet(connection, request, stop);
    }
    return await converse(connection, request, stop);
  } finally {
    cancel();
    connection.close();
  }
}

async function open(
  { relay, hostname, clock }: RelayRequest,
  until: number,
  inTheClear = false,
): Promise<SmtpConnection> {
  const { endpoint, tls, ca, name } = relay;
  const timeout = Math.max(1, until - clock.now());
  const socket = await openSocket({ to: endpoint, clock, timeout: Math.min(CONNECT_TIME, timeout) }).catch(
    (error: unknown) => {
      throw error instanceof NetError ? new SmtpRelayError('later', error.message, { cause: error }) : error;
    },
  );
  return new SmtpConnection({
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
}

/** One step of the conversation, which fails when the connection breaks or `signal` says so. */
function stepper(connection: SmtpConnection, signal: AbortSignal) {
  const broken = new Promise<never>((_resolve, reject) => {
    connection.on('error', reject);
    connection.on('end', () => reject(new Error('the relay closed the connection')));
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  broken.catch(() => {}); // it may break when nobody waits any more
  return <T>(act: (done: (error?: Error | null, value?: T) => void) => void) =>
    Promise.race([
      broken,
      new Promise<T | undefined>((resolve, reject) => act((error, value) => (error ? reject(error) : resolve(value)))),
    ]);
}

async function greet(connection: SmtpConnection, { relay }: RelayRequest, signal: AbortSignal): Promise<void> {
  const step = stepper(connection, signal);
  try {
    await step((done) => connection.connect(done));
    const { user, password, judge } = relay;
    const { _socket: socket } = connection;
    if (judge !== undefined && socket instanceof TLSSocket) {
      const certificate = socket.getPeerX509Certificate();
      if (certificate === undefined || !judge(certificate))
        throw new Error('the server shows another key than it should');
    }
    if (user !== undefined && password !== undefined)
      await step((done) => connection.login({ user, pass: password }, done));
  } catch (cause) {
    throw signal.aborted ? stopped(signal) : new SmtpRelayError('later', messageOf(cause), { cause });
  }
}

async function converse(connection: SmtpConnection, request: RelayRequest, signal: AbortSignal): Promise<Relayed> {
  const { from, to, message } = request;
  const step = stepper(connection, signal);
  try {
    const whole = message instanceof Uint8Array;
    const size = whole ? message.byteLength : message.size;
    const use8BitMime = whole ? message.some((octet) => octet >= FIRST_EIGHT_BIT) : message.eightBit;
    const envelope = { from, to: [...to], size, use8BitMime };
    const octets = whole ? asBuffer(message) : Readable.from(message.chunks, { objectMode: false });
    const sent = await step<Refusals>((done) => connection.send(envelope, octets, done));
    connection.quit();
    const refused = refusals(sent);
    const lost = new Set(refused.map((refusal) => refusal.to));
    return { accepted: to.filter((recipient) => !lost.has(recipient)), refused };
  } catch (error) {
    const refused = refusals(error);
    if (refused.length > 0) return { accepted: [], refused };
    throw signal.aborted ? stopped(signal) : failure(error);
  }
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
