// What goes wrong between this office and its XMPP server.

import { PosternError } from '../../base/errors.ts';

export class XmppError extends PosternError<
  /** It does not speak XMPP, or more of it than is taken. */
  | 'protocol'
  /** It does not take the secret, or has no such component. */
  | 'refused'
  /** There is no connection now. */
  | 'offline'
> {}
