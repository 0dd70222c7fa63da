// The errors of the client API: a class for each status. Those numbered from 100 on extend the class of the draft that a
// caller who knows only the draft would check for.   spec: mixminion-client-api 1

import { PosternError } from '../../base/errors.ts';
import { Mix3Status, statusName } from './status.ts';

export interface Mix3ErrorOptions {
  readonly remedy?: string | undefined;
  readonly cause?: unknown;
}

/** What every function of the API throws. `cause` is the error of the layer below, if there was one. */
export class Mix3Error extends PosternError {
  protected static readonly status: Mix3Status = Mix3Status.BADARGS;
  protected static readonly retriable: boolean = false;
  readonly status: Mix3Status;
  /** Whether the same packet may be tried at the same address again. */
  readonly retriable: boolean;

  constructor(message: string, { remedy, cause }: Mix3ErrorOptions = {}) {
    const { status, retriable } = new.target;
    super(statusName(status), message, { ...(remedy === undefined ? {} : { remedy }), cause });
    this.status = status;
    this.retriable = retriable;
  }
}

/** The platform raises its own error when memory ends: nothing here throws this. */
export class Mix3NoMemoryError extends Mix3Error {
  protected static override readonly status: Mix3Status = Mix3Status.NOMEM;
}

export class Mix3BadArgsError extends Mix3Error {
  protected static override readonly status: Mix3Status = Mix3Status.BADARGS;
}

export class Mix3BadFormatError extends Mix3Error {
  protected static override readonly status: Mix3Status = Mix3Status.BADFORMAT;
}

export class Mix3NoSpaceError extends Mix3Error {
  protected static override readonly status: Mix3Status = Mix3Status.NOSPACE;
}

export class Mix3NeedMoreFragmentsError extends Mix3Error {
  protected static override readonly status: Mix3Status = Mix3Status.NEED_MORE_FRAGMENTS;
  /** Useful fragments at hand, and those needed in all. */
  readonly have: number;
  readonly need: number;

  constructor(have: number, need: number, options?: Mix3ErrorOptions) {
    super(`${have} of the ${need} fragments needed are here`, options);
    this.have = have;
    this.need = need;
  }
}

/** Promises wait instead: nothing here throws this, nor its sibling. */
export class Mix3WantReadError extends Mix3Error {
  protected static override readonly status: Mix3Status = Mix3Status.WANT_READ;
  protected static override readonly retriable: boolean = true;
}

export class Mix3WantWriteError extends Mix3Error {
  protected static override readonly status: Mix3Status = Mix3Status.WANT_WRITE;
  protected static override readonly retriable: boolean = true;
}

export class Mix3ClosedError extends Mix3Error {
  protected static override readonly status: Mix3Status = Mix3Status.CLOSED;
  protected static override readonly retriable: boolean = true;
}

export class Mix3BadSignatureError extends Mix3BadFormatError {
  protected static override readonly status: Mix3Status = Mix3Status.BADSIGNATURE;
}

export class Mix3OvercompressedError extends Mix3BadFormatError {
  protected static override readonly status: Mix3Status = Mix3Status.OVERCOMPRESSED;
  /** The message as it came. */
  readonly compressed: Buffer;

  constructor(message: string, compressed: Buffer, options?: Mix3ErrorOptions) {
    super(message, options);
    this.compressed = compressed;
  }
}

export class Mix3UndecodableError extends Mix3BadFormatError {
  protected static override readonly status: Mix3Status = Mix3Status.UNDECODABLE;
}

export class Mix3NoPathError extends Mix3BadArgsError {
  protected static override readonly status: Mix3Status = Mix3Status.NOPATH;

  /** What stands in the way: the message without more. */
  get reason(): string {
    return this.message;
  }
}

export class Mix3PathTooLongError extends Mix3BadArgsError {
  protected static override readonly status: Mix3Status = Mix3Status.PATH_TOO_LONG;
  /** 1 up to the crossover, 2 behind it or in a reply block. */
  readonly leg: 1 | 2;

  constructor(message: string, leg: 1 | 2, options?: Mix3ErrorOptions) {
    super(message, options);
    this.leg = leg;
  }
}

export class Mix3UnsupportedError extends Mix3BadArgsError {
  protected static override readonly status: Mix3Status = Mix3Status.UNSUPPORTED;
}

export class Mix3NotFoundError extends Mix3BadArgsError {
  protected static override readonly status: Mix3Status = Mix3Status.NOTFOUND;
}

export class Mix3RejectedError extends Mix3ClosedError {
  protected static override readonly status: Mix3Status = Mix3Status.REJECTED;
}

export class Mix3BadAuthError extends Mix3ClosedError {
  protected static override readonly status: Mix3Status = Mix3Status.BADAUTH;
  protected static override readonly retriable: boolean = false;
}

export class Mix3TimeoutError extends Mix3ClosedError {
  protected static override readonly status: Mix3Status = Mix3Status.TIMEOUT;
}

export class Mix3NetworkError extends Mix3ClosedError {
  protected static override readonly status: Mix3Status = Mix3Status.NETWORK;
}

export class Mix3SurbUnusableError extends Mix3BadArgsError {
  protected static override readonly status: Mix3Status = Mix3Status.SURB_UNUSABLE;
}

export class Mix3BadPassphraseError extends Mix3BadArgsError {
  protected static override readonly status: Mix3Status = Mix3Status.BADPASSPHRASE;
}

/** Another process holds what is needed: the same may be tried again when it is done. */
export class Mix3BusyError extends Mix3WantWriteError {
  protected static override readonly status: Mix3Status = Mix3Status.BUSY;
}
