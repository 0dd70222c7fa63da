// How a delivery to the next server can fail. All but `mmtp-auth` may be tried again at the same address.

import { PosternError } from '../../base/errors.ts';

export type MmtpErrorCode =
  /** The server will not take this packet now; the others went on. */
  | 'mmtp-rejected'
  /** The certificates do not prove that this is the server that was meant. */
  | 'mmtp-auth'
  /** The server was too slow. */
  | 'mmtp-timeout'
  /** No connection could be made. */
  | 'mmtp-network'
  /** The connection ended, or is not open. */
  | 'mmtp-closed'
  /** What came is not MMTP. */
  | 'mmtp-protocol';

/** A packet or a connection that failed between two servers. */
export class MmtpError extends PosternError<MmtpErrorCode> {
  /** Whether the same packet may be sent to the same address again later. */
  get retriable(): boolean {
    return this.code !== 'mmtp-auth';
  }
}
