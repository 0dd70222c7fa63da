// From what SQLite and the file system throw to the store's own errors, and across the border between threads.

import { codeOf, messageOf } from '../../base/errors.ts';
import { StoreError, type StoreErrorCode } from '../errors.ts';

/** A StoreError as plain data: errors of our own classes do not survive the way between threads. */
export interface Failure {
  readonly code: StoreErrorCode;
  readonly message: string;
  readonly remedy: string | undefined;
}

// SQLite's primary result codes (the low octet of `errcode`).
const BY_RESULT: Readonly<Record<number, readonly [StoreErrorCode, string]>> = {
  5: ['locked', 'another process holds the store'],
  8: ['io', 'the store may not be written'],
  10: ['io', 'the disk failed under the store'],
  11: ['corrupt', 'the store is damaged'],
  13: ['disk-full', 'there is no room left for the store'],
  14: ['io', 'the store cannot be opened'],
  26: ['corrupt', 'the file is not a store'],
};

/** The StoreError that says what `error` means for the caller. */
export function failureOf(error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  if (error instanceof Error && 'errcode' in error && typeof error.errcode === 'number') {
    const [code, message] = BY_RESULT[error.errcode & 0xff] ?? ['internal', `the store failed: ${error.message}`];
    return new StoreError(code, message, { cause: error });
  }
  const code = codeOf(error);
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new StoreError('disk-full', 'there is no room left', { cause: error });
  if (code?.startsWith('E') && !code.startsWith('ERR_')) {
    return new StoreError('io', `the file system refuses: ${messageOf(error)}`, { cause: error });
  }
  return new StoreError('internal', `the store failed: ${messageOf(error)}`, { cause: error });
}

export function toFailure(error: unknown): Failure {
  const { code, message, remedy } = failureOf(error);
  return { code, message, remedy };
}

export function fromFailure({ code, message, remedy }: Failure): StoreError {
  return new StoreError(code, message, remedy === undefined ? {} : { remedy });
}
