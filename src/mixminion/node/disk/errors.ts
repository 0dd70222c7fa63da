// How a node's own files can fail it.

import { PosternError } from '../../../base/errors.ts';

export type KeepingCode =
  /** The disk failed. Nobody knows what it holds: nothing more is taken until the node is opened anew. */
  | 'io'
  /** A file is not what it should be: of another key, of another program, or damaged. */
  | 'damaged'
  /** Used after it was closed. */
  | 'closed';

/** What a node keeps could not be written or read. */
export class KeepingError extends PosternError<KeepingCode> {}
