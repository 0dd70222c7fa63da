// A mail server on loopback that keeps what it is given, and answers as the test says.

import type { AddressInfo } from 'node:net';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import type { Endpoint } from '../../src/net/endpoint.ts';

export interface KeptMail {
  readonly from: string;
  readonly to: readonly string[];
  /** As it came, dots undone. */
  readonly message: Buffer;
  readonly secure: boolean;
  /** What the client called itself. */
  readonly hello: string;
  readonly user: string | undefined;
  /** What the sender wants to hear, of the message and of each recipient in turn. */
  readonly dsn: readonly object[];
}

export interface MailServer extends AsyncDisposable {
  readonly endpoint: Endpoint;
  readonly mails: KeptMail[];
  /** Connections so far, and the most that were open at once. */
  readonly connections: { count: number; most: number };
  /** Answers to give instead of "yes": by recipient, or to all `MAIL FROM`, or to the message. */
  readonly answers: { from?: number; to: Map<string, number>; data?: number };
}

/** Without TLS unless `options` say otherwise; on any port unless one is given. */
export async function openMailServer(options: SMTPServerOptions = {}, at = 0): Promise<MailServer> {
  const mails: KeptMail[] = [];
  const answers: MailServer['answers'] = { to: new Map() };
  const connections = { count: 0, most: 0, open: 0 };
  const error = (code: number | undefined) =>
    code === undefined ? null : Object.assign(new Error('so the test says'), { responseCode: code });
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: options.key === undefined ? ['STARTTLS'] : [],
    disableReverseLookup: true,
    closeTimeout: 200,
    onConnect(_session, callback) {
      connections.count += 1;
      connections.open += 1;
      connections.most = Math.max(connections.most, connections.open);
      callback();
    },
    onClose: () => {
      connections.open -= 1;
    },
    onMailFrom: (_address, _session, callback) => callback(error(answers.from)),
    onRcptTo: ({ address }, _session, callback) => callback(error(answers.to.get(address))),
    onData(stream, session, callback) {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const { envelope, secure, hostNameAppearsAs: hello, user } = session;
        const from = envelope.mailFrom === false ? '' : envelope.mailFrom.address;
        const to = envelope.rcptTo.map(({ address }) => address);
        const dsn = [envelope.dsn ?? {}, ...envelope.rcptTo.map((recipient) => recipient.dsn ?? {})];
        if (answers.data === undefined) {
          mails.push({ from, to, message: Buffer.concat(chunks), secure, hello, user, dsn });
        }
        callback(error(answers.data), 'kept');
      });
    },
    ...options,
  });
  server.on('error', () => {}); // a client that breaks off is the test's business
  await new Promise<void>((resolve) => server.listen(at, '127.0.0.1', resolve));
  const { port } = server.server.address() as AddressInfo;
  return {
    endpoint: { host: '127.0.0.1', port },
    mails,
    connections,
    answers,
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(resolve)),
  };
}
