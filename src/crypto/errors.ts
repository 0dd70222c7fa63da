// What the primitives throw when octets do not open, fit or verify.

import { PosternError } from '../base/errors.ts';

export type CryptoErrorCode =
  | 'bad-key' // not an RSA key, or not in the form that is asked for
  | 'key-too-large'
  | 'bad-padding' // not sealed for this key, or damaged
  | 'bad-signature'
  | 'data-too-long' // more than a key of this size carries
  | 'block-too-short' // nothing that a wide-block cipher could work on
  | 'undecryptable'; // none of the keys at hand opens it

/** A key, a padding or a signature that is not what it should be. No secret is in the text. */
export class CryptoError extends PosternError<CryptoErrorCode> {
  constructor(code: CryptoErrorCode, message: string, options?: { cause?: unknown }) {
    super(code, message, options);
  }
}
