// How a directory, a path or an address can be refused. The codes are all different, so that a program can act on the
// code alone.

import { PosternError } from '../../base/errors.ts';

export type DirectoryErrorCode =
  /** The text is not of the form that descriptors and directories have. */
  | 'format'
  /** A value is not of its kind, or a required one is missing. */
  | 'value'
  /** A digest or a signature is wrong, or the signers are not those who were asked for. */
  | 'signature';

/** A descriptor, a directory or a setting that is not acceptable. */
export class DirectoryError extends PosternError<DirectoryErrorCode> {}

export type PathErrorCode =
  /** The specifier is malformed, or too short for its use. */
  | 'path-spec'
  /** It names a server without a valid descriptor. */
  | 'unknown-server'
  /** No path satisfies it. */
  | 'no-path';

/** A path specifier that is malformed or cannot be satisfied. */
export class PathError extends PosternError<PathErrorCode> {}

export type AddressErrorCode =
  /** The text is none of the known forms. */
  | 'address'
  /** An address that no packet can be built for (news, a bare reply). */
  | 'address-unsupported';

/** A recipient that cannot be written to. */
export class AddressError extends PosternError<AddressErrorCode> {}

export type DownloadErrorCode =
  /** More octets than were allowed. */
  | 'download-too-large'
  /** The server was too slow. */
  | 'download-timeout'
  /** No connection, a broken one, or an answer other than 200. */
  | 'download-failed';

/** A directory that did not arrive. */
export class DownloadError extends PosternError<DownloadErrorCode> {}
