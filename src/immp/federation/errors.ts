// What keeps this office from talking with the server of another domain.

import { PosternError } from '../../base/errors.ts';

export class FarError extends PosternError<
  /** The domain has no server, or none that may be connected to. */
  | 'nowhere'
  /** It shows another key than before. */
  | 'changed-key'
  /** It is met for the first time, and nobody vouches for its key. */
  | 'untrusted'
  /** It has no OpenPGP key. */
  | 'no-key'
  /** It is this office. */
  | 'self'
> {}
