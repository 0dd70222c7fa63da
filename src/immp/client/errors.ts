// What can go wrong on the client's side of IMMP, before and behind the conversation with a server.

import { PosternError } from '../../base/errors.ts';
import { isTemporary } from '../codes.ts';
import type { Reply } from '../wire/reply.ts';

export type ClientErrorCode =
  /** No IMID, URI or path as IMMP has them. */
  | 'address'
  /** No password was given where one is needed, or the server does not take it. */
  | 'password'
  /** The server offers no way to prove a password that this client would take. */
  | 'weak'
  /** The server shows another key than the one that is known: somebody may be in between. */
  | 'changed-key'
  /** It is there already. */
  | 'exists'
  /** There is nothing of this name. */
  | 'unknown'
  /** A message that cannot be sent as it is. */
  | 'unsendable'
  /** The server says no, for good: `reply` has its words. */
  | 'refused'
  /** The server says not now. */
  | 'not-now'
  /** The server says what IMMP does not know, or what cannot be true. */
  | 'protocol'
  /** The server has ended the conversation. */
  | 'closed';

export class ClientError extends PosternError<ClientErrorCode> {
  /** The server's last line, when it is what went wrong. */
  readonly reply: Reply | undefined;

  constructor(
    code: ClientErrorCode,
    message: string,
    options: { remedy?: string; cause?: unknown; reply?: Reply } = {},
  ) {
    super(code, message, options);
    this.reply = options.reply;
  }
}

/** The error that a reply of 4xx or 7xx is. */
export function refused(reply: Reply): ClientError {
  const code = isTemporary(reply.code) ? 'not-now' : 'refused';
  return new ClientError(code, `the server answers: ${reply.code} ${reply.text}`, {
    reply,
    ...(REMEDIES[reply.code] === undefined ? {} : { remedy: REMEDIES[reply.code] }),
  });
}

const REMEDIES: Readonly<Record<string, string>> = {
  '403': 'it is another one’s, or the operator has switched it off',
  '410': 'is the password right?',
  '413': 'send it in several messages, or put it elsewhere and send a link',
  '421': 'the administrator has been told; only he can accept the new key',
  '429': 'wait a while',
  '440': 'postern immp folders shows what folders there are',
  '441': 'the mailbox has to be cleared first',
  '450': 'is the address right?',
  '480': 'is the name right? It looks like newsletter/updates@website.com',
  '481': 'postern immp subscriptions shows yours',
};
