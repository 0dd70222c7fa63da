// How IMA's programs fail: one class for octets that break the grammar, one for everything else that is said to a person.

import { PosternError } from '../base/errors.ts';

/** Octets of a peer, of a file or of a pipe that are not what the grammar wants. */
export class WireError extends PosternError<'syntax'> {
  constructor(message: string) {
    super('syntax', message);
  }
}

export type ImaFailure =
  /** A certificate that is not to be trusted, or not for this name. */
  | 'certificate'
  /** A mailbox directory that is not one, or holds what it should not. */
  | 'mailbox'
  /** No room left in a mailbox. */
  | 'full'
  /** A line of the routing table or of a list of subscribers. */
  | 'table'
  /** The other server said no, for good. */
  | 'refused'
  /** The other server is away or busy: later it may say something else. */
  | 'later'
  /** An account, a list or a message that is not there. */
  | 'unknown'
  /** There is one of this name already. */
  | 'exists'
  /** What was asked for cannot be done this way. */
  | 'usage';

export class ImaError extends PosternError<ImaFailure> {}
