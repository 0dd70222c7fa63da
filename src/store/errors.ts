// What can go wrong in a store, whichever engine runs.

import { PosternError } from '../base/errors.ts';

export type StoreErrorCode =
  /** The engine is closed, or its thread has ended. */
  | 'closed'
  /** There is no room left on the disk. Nothing of the operation is kept; the store goes on when there is room again. */
  | 'disk-full'
  /** The disk or the file system failed. Whether the last group of changes is kept shows only at the next start. */
  | 'io'
  /** The file is not a store, or is damaged. */
  | 'corrupt'
  /** Another process has the store open. */
  | 'locked'
  /** The store was written by a later version of Postern. */
  | 'newer'
  /** The file that a backup was to be written to is there already. */
  | 'exists'
  /** `receive` was asked for a mailbox that is not there. */
  | 'no-mailbox'
  /** The body was discarded, appended or swept before, or belongs to another mailbox. */
  | 'no-body'
  /** A name, a count or a size outside the limits of `limits.ts`. */
  | 'invalid'
  /** A fault of ours. */
  | 'internal';

export class StoreError extends PosternError<StoreErrorCode> {}
