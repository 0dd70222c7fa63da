// What goes wrong at the IMMP counter outside a conversation, for its operator.

import { PosternError } from '../base/errors.ts';

export class ImmpError extends PosternError<
  'key-file' | 'openpgp' | 'account' | 'message' | 'exists' | 'no-account' | 'no-member' | 'files'
> {}
