// What is wrong with a line, with the status code that answers it.

import { PosternError } from '../../base/errors.ts';

export type WireErrorCode =
  /** In the grammar, but beyond a limit. */
  | '406'
  /** Not in the grammar. */
  | '701'
  /** No such command. */
  | '702'
  /** More commands in one line than are taken. */
  | '704';

export class WireError extends PosternError<WireErrorCode> {}
