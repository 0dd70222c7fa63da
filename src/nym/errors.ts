// What can be wrong with a message between a nymholder and his server, and with what the two keep for each other.

import { PosternError } from '../base/errors.ts';

export type NymErrorCode =
  /** A control message that is cut off, or not made as one. */
  | 'message'
  /** A value that may not be sent, or is longer than its field. */
  | 'field'
  /** The signature is by none of the keys. */
  | 'signature'
  /** A name that no nym may have. */
  | 'name'
  /** An option that there is not, or a value that it does not take. */
  | 'policy'
  /** Sealed mail that this key does not open, or that is damaged. */
  | 'sealed'
  /** A filter that cannot be understood; the message says where. */
  | 'filter';

export class NymError extends PosternError<NymErrorCode> {}
