// What can be wrong with a message as mail.

import { PosternError } from '../base/errors.ts';

/** Octets that are no MIME message, or one beyond the limits of `readMime`. */
export class MailError extends PosternError<'mime'> {}
