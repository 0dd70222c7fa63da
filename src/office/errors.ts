// What can keep an office from opening, or a command from doing its work on one. Every message names what to do.

import { PosternError } from '../base/errors.ts';

export type OfficeErrorCode =
  /** The configuration file cannot be read or does not fit the schema. */
  | 'config'
  /** A setting that is refused because it would expose somebody. */
  | 'danger'
  /** The data folder is missing, open to others, or cannot be written. */
  | 'folder'
  /** The TLS key or certificate cannot be used. */
  | 'identity'
  /** A planned change of the TLS key that cannot be begun, or not be finished yet. */
  | 'key-roll'
  /** A backup cannot be made where it was asked for. */
  | 'backup'
  /** There is no such counter, or it cannot do this. */
  | 'counter'
  /** An operator's question that cannot be understood or answered. */
  | 'control'
  /** The health port cannot be had. */
  | 'health';

export class OfficeError extends PosternError<OfficeErrorCode> {}
