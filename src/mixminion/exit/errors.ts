// What keeps a server's exits from opening. What goes wrong with one message is a result with a reason, not an error.

import { PosternError } from '../../base/errors.ts';

export type ExitErrorCode =
  /** A file that the settings name cannot be read. */
  | 'exit-file'
  /** A line of such a file makes no sense. */
  | 'exit-line'
  /** Two modules for one exit type, or a name used twice. */
  | 'exit-module';

export class ExitError extends PosternError<ExitErrorCode> {}
