// How a conversation can fail, whoever the peer is.

import { PosternError } from '../base/errors.ts';

export type NetFailure =
  /** The peer went away in the middle of something. */
  | 'cut'
  /** The peer was too slow: a line, a body or an idle time ran over its limit. */
  | 'timeout'
  /** A line longer than its limit. */
  | 'line-too-long'
  /** This side closed the connection. */
  | 'closed'
  /** No connection could be made. */
  | 'unreachable'
  /** The peer's key is not the pinned one, or a certificate cannot be used. */
  | 'tls'
  /** Octets came in the clear that were to come encrypted. */
  | 'injected'
  /** The name service does not answer now. */
  | 'dns';

export class NetError extends PosternError<NetFailure> {}
