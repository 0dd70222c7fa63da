// How handing mail to a relay can fail.

import { PosternError } from '../base/errors.ts';

export type SmtpRelayErrorCode =
  /** The relay, or the way to it, does not work now; the same mail may be sent again. */
  | 'later'
  /** The relay will never take this mail. */
  | 'refused'
  /** The settings would send mail or a password readable over a network. Nothing was sent. */
  | 'insecure';

/** `message` may repeat what the relay said, addresses too: show it, do not log it. */
export class SmtpRelayError extends PosternError<SmtpRelayErrorCode> {}
