// What can be wrong with the files in which a node keeps its keys.

import { PosternError } from '../../../base/errors.ts';

export type KeyErrorCode =
  /** A file is not what it should be. */
  'key-file';

export class KeyError extends PosternError<KeyErrorCode> {}
