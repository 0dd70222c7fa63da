// What can go wrong on the client's side of SmallMail, before and behind the conversation with a server.

import { PosternError } from '../../base/errors.ts';

export type ClientErrorCode =
  /** Not a SmallMail address. */
  | 'address'
  /** The secret key is sealed and no passphrase, or a wrong one, was given. */
  | 'locked'
  /** Octets that are no usable key, or not the key that an address names. */
  | 'key'
  /** A challenge that must not be signed. */
  | 'challenge'
  /** A letter above the largest size. */
  | 'too-large'
  /** A letter that none of the mailbox's keys opens, or that is damaged. */
  | 'unreadable'
  /** The name is taken. */
  | 'exists'
  /** There is nothing of this name or number. */
  | 'unknown'
  /** The client's folder is damaged or was written by something else. */
  | 'home'
  /** Another process is at it. */
  | 'busy'
  /** The server did not do what was asked, after all that could be tried. */
  | 'undone';

export class ClientError extends PosternError<ClientErrorCode> {}
