// What can be wrong with the files in which a node keeps its keys.

import { PosternError } from '../../../base/errors.ts';

export type NodeKeyErrorCode =
  /** A file is not what it should be. */
  'key-file';

export class NodeKeyError extends PosternError<NodeKeyErrorCode> {}
