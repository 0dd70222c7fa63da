// What can go wrong on the client's side of CMTP, before and behind the conversation with a server.

import { PosternError } from '../../base/errors.ts';

export type ClientErrorCode =
  /** Not a CMTP address, or a name that CMTP does not allow. */
  | 'address'
  /** The key is sealed and no passphrase, or a wrong one, was given. */
  | 'locked'
  /** A passphrase that a guesser would find. */
  | 'weak'
  /** A message that cannot be written as it is: too large, or with a NUL where none may be. */
  | 'unsendable'
  /** A message that none of the keys here opens, or that is damaged. */
  | 'unreadable'
  /** A key that is not the one that is known: somebody may be in between. */
  | 'changed-key'
  /** It is there already. */
  | 'exists'
  /** There is nothing of this name or number. */
  | 'unknown'
  /** The server says: not now, with a text of its own. */
  | 'not-now'
  /** The server did not do what was asked. */
  | 'refused'
  /** The server says that nobody there can have it. */
  | 'undeliverable'
  /** The server says what CMTP does not know. */
  | 'protocol';

export class ClientError extends PosternError<ClientErrorCode> {}
