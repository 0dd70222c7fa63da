// What can be wrong with a payload or the message in it. Two outcomes that a caller acts upon have classes of their own.

import { PosternError } from '../../base/errors.ts';

export type PayloadErrorCode =
  | 'payload-length' // neither 28672 nor 28634 octets
  | 'payload-field' // a size that cannot be true
  | 'payload-digest' // sealed for us, and damaged
  | 'tag' // a decoding handle that has not 20 octets
  | 'compression' // not the zlib stream that every sender writes
  | 'overcompressed' // beyond its limit when inflated
  | 'fragments' // blocks that do not belong together
  | 'need-more-fragments'
  | 'exit-prefix' // the address in front of a reassembled message is cut off or too long
  | 'header' // a header name or value that may not be sent
  | 'key-size' // a recipient key that is too short
  | 'too-large'; // a message that no one should send

/** Malformed or unacceptable. */
export class PayloadError extends PosternError<PayloadErrorCode> {}

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
