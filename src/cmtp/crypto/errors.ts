// What can be wrong with keys and with what they seal.

import { PosternError } from '../../base/errors.ts';

export type SealFailure =
  /** No public key that anything may be sealed to or signed with.   spec: cmtp 9 D10 */
  | 'bad-key'
  /** Not sealed to this key, or changed on the way. */
  | 'not-opened'
  /** The passphrase is not the xzibit's, or the xzibit was changed. */
  | 'wrong-passphrase'
  /** Not an xzibit. */
  | 'malformed';

export class SealError extends PosternError<SealFailure> {}
