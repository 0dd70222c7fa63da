// What can go wrong inside a payload. One class for all malformed input, and three for the outcomes a caller acts upon.

import { PosternError } from '../../base/errors.ts';

export type PayloadErrorCode =
  | 'payload-length' // neither 28672 nor 28634 octets
  | 'payload-field' // a size field that cannot be true
  | 'payload-digest' // decrypted with a key that fits, but what came out is not a payload
  | 'compression' // not the zlib stream that every sender writes
  | 'header' // a header name or value that may not be sent
  | 'fragments' // fragments that do not belong together, or a code that cannot be solved
  | 'exit-prefix' // the exit address in front of a reassembled message
  | 'message-text' // an armoured message
  | 'overcompressed'
  | 'need-more-fragments';

/** Malformed or unacceptable payload data. */
export class PayloadError extends PosternError {
  declare readonly code: PayloadErrorCode;

  constructor(code: PayloadErrorCode, message: string, options?: { remedy?: string; cause?: unknown }) {
    super(code, message, options);
  }
}

/** The message would inflate beyond its limit. It stays readable to whoever insists: `compressed` holds it. */
export class OvercompressedError extends PayloadError {
  readonly compressed: Buffer;
  /** Octets that were allowed. */
  readonly limit: number;

  constructor(compressed: Buffer, limit: number) {
    super('overcompressed', `the message inflates beyond ${limit} octets`, {
      remedy: 'inflate it without a limit only if you expect a message this large',
    });
    this.compressed = compressed;
    this.limit = limit;
  }
}

/** Fragments of one message, all good, but not enough of them. */
export class NeedMoreFragmentsError extends PayloadError {
  readonly have: number;
  readonly need: number;

  constructor(have: number, need: number) {
    super('need-more-fragments', `${have} of the ${need} fragments needed are here`);
    this.have = have;
    this.need = need;
  }
}
