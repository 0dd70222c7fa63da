// Octets that are not CMTP, or are too many.

import { PosternError } from '../../base/errors.ts';

export type WireFailure =
  /** Not in the grammar. */
  | 'malformed'
  /** Beyond a limit: what follows cannot be skipped safely.   spec: cmtp 9 D14 */
  | 'oversize';

export class WireError extends PosternError<WireFailure> {}
