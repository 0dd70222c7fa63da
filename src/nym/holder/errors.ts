// What can go wrong at a nymholder's own desk.

import { PosternError } from '../../base/errors.ts';

export type HolderErrorCode =
  /** There is no such nym in this folder, or there is one already. */
  | 'no-nym'
  /** The nym cannot do that now: it is not open yet, or closed. */
  | 'nym-state'
  /** There is no such mail. */
  | 'no-mail'
  /** Its folder cannot be read. */
  | 'nym-folder'
  /** Nobody is known who gives out nyms under that domain. */
  | 'no-server';

export class HolderError extends PosternError<HolderErrorCode> {}
