// The listening side: three kinds of ports, each an SMTP server by the library, whose questions the desk answers. Sockets come from
// the house's own listeners, which count and turn away.

import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { domainToASCII } from 'node:url';
import type { SMTPServerAddress, SMTPServerSession } from 'smtp-server';
import { messageOf } from '../../base/errors.ts';
import type { Connection } from '../../net/connection.ts';
import { FORWARD_SECRET, type TlsIdentity } from '../../net/tls-identity.ts';
import { NO_WISHES, type Wishes, wishesShape } from '../out/wishes.ts';
import type { Desk } from './desk.ts';
import { REFUSED, Refusal } from './reply.ts';
import type { Spool } from './spool.ts';
import { StrictServer } from './strict.ts';

/** Octets of a command line; one that carries a password in base64 is the longest. RFC 4954 4 */
const MAX_COMMAND = 12288;
/** What no mail server of today needs, or tells who is here. */
const CLOSED = ['VRFY', 'HELP', 'WIZ', 'SHELL', 'KILL', 'XCLIENT', 'XFORWARD'];

/** `exchange`: for other servers. `submission` and `submissions`: for users, with STARTTLS or with TLS from the start. */
export type Role = 'exchange' | 'submission' | 'submissions';

export interface Manners {
  readonly hostname: string;
  readonly identity: TlsIdentity;
  readonly size: number;
  readonly recipients: number;
  readonly idleTime: number;
}

export interface ServerParts {
  readonly spool: Spool;
  /** The desk in force. */
  desk(): Desk;
  failed(reason: string): void;
}

export class MailPort {
  readonly #server: StrictServer;
  #size: number;

  constructor(role: Role, { spool, desk, failed }: ServerParts, manners: Manners) {
    this.#size = manners.size;
    const users = role !== 'exchange';
    const peerOf = ({ remoteAddress, hostNameAppearsAs }: SMTPServerSession) => {
      return { address: remoteAddress, hello: String(hostNameAppearsAs || 'unknown') };
    };
    const userOf = ({ user }: SMTPServerSession) => (typeof user === 'string' ? user : undefined);
    /** The addresses where mail goes in place of those that were named. */
    const goesTo = new WeakMap<object, string>();
    this.#server = new StrictServer({
      ...optionsFor(manners),
      secure: role === 'submissions',
      authOptional: !users,
      authMethods: ['PLAIN', 'LOGIN'],
      disabledCommands: users ? CLOSED : [...CLOSED, 'AUTH'],
      hideSMTPUTF8: true,
      hideDSN: !users, // a server before us then says itself that the mail was passed on (RFC 3461 5.2.2)
      maxCommandLength: MAX_COMMAND,
      disableReverseLookup: true,
      heloResponse: '%s',
      logger: false,
      onConnect(session, callback) {
        // Whoever is offered AUTH before TLS is likely to send his password before TLS.
        if (users) session.disabledCommands = role === 'submissions' ? CLOSED : [...CLOSED, 'AUTH'];
        callback();
      },
      onSecure(_socket, session, callback) {
        if (users) session.disabledCommands = CLOSED;
        callback();
      },
      onAuth({ username, password }, session, callback) {
        settle(
          desk()
            .logIn(username || '', password || '', peerOf(session))
            .then((user) => ({ user })),
          callback,
        );
      },
      onMailFrom({ address, args }, session, callback) {
        if (args !== false && 'SMTPUTF8' in args) return callback(REFUSED.utf8());
        if (users && userOf(session) === undefined) return callback(REFUSED.stranger());
        settle(desk().sender(spelled(address), userOf(session), peerOf(session)), callback);
      },
      onRcptTo(address, session, callback) {
        const told = desk().recipient(spelled(address.address), userOf(session), peerOf(session));
        settle(
          told.then((to) => void goesTo.set(address, to)),
          callback,
        );
      },
      onData: (stream, session, callback) => {
        const { envelope, transmissionType: protocol } = session;
        const to = new Map(
          envelope.rcptTo.map((recipient) => [goesTo.get(recipient) ?? recipient.address, recipient.dsn]),
        );
        const from = envelope.mailFrom === false ? '' : spelled(envelope.mailFrom.address);
        const wishes = wishesOf(envelope.dsn, to);
        const about = { from, to: [...to.keys()], peer: peerOf(session), user: userOf(session), protocol, wishes };
        const done = (async () => {
          const spooled = await spool.take(stream as Readable, this.#size);
          await desk().accept(spooled, about);
          return '2.0.0 Accepted';
        })();
        settle(done, callback);
      },
    });
    this.#server.on('error', (error) => failed(messageOf(error)));
  }

  /** One conversation, to its end. */
  async serve(connection: Connection): Promise<void> {
    const stream = (await connection.release()) as Socket | TLSSocket;
    stream.allowHalfOpen = false; // the library waits for nothing more from a peer that has ended
    const ended = new Promise<void>((resolve) => stream.once('close', () => resolve()));
    if (stream.destroyed) return;
    this.#server.connect(stream);
    await ended;
  }

  /** For conversations that begin from now on. */
  use(manners: Manners): void {
    this.#size = manners.size;
    this.#server.updateSecureContext(optionsFor(manners));
  }

  /** Ends the conversations in which no message is under way. */
  leave(): void {
    this.#server.leave();
  }
}

function optionsFor({ hostname, identity, size, recipients, idleTime }: Manners) {
  const { key, certificate: cert } = identity;
  const tls = { key, cert, minVersion: 'TLSv1.2', ciphers: FORWARD_SECRET } as const;
  return { ...tls, name: hostname, size, maxRecipients: recipients, socketTimeout: idleTime };
}

/** The library shows domains as people read them; the wire, and all that is behind us, has them in ASCII. */
function spelled(address: string): string {
  const at = address.lastIndexOf('@') + 1;
  const domain = address.slice(at);
  return at === 0 || domain.startsWith('[') ? address : `${address.slice(0, at)}${domainToASCII(domain) || domain}`;
}

/** RFC 3461 4; what is too long to be passed on is left out. */
function wishesOf(of: SMTPServerSession['envelope']['dsn'], to: ReadonlyMap<string, SMTPServerAddress['dsn']>): Wishes {
  const recipients = Object.fromEntries(
    [...to].flatMap(([address, dsn]) =>
      dsn === undefined ? [] : [[address, { notify: dsn.notify, original: dsn.orcpt }] as const],
    ),
  );
  const wishes = { ret: of?.ret ?? undefined, envelopeId: of?.envid ?? undefined, recipients };
  const checked = wishesShape.safeParse(wishes);
  return checked.success ? checked.data : NO_WISHES;
}

/** What is no Refusal is our own fault and the peer's business only in so far as it should come again. */
function settle<T>(answer: Promise<T>, callback: (error: Error | null, value?: T) => void): void {
  answer.then(
    (value) => callback(null, value),
    (error: unknown) => callback(error instanceof Refusal ? error : REFUSED.trouble()),
  );
}
