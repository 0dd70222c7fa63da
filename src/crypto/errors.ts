// What the primitives throw when octets do not open, fit or verify.

import { PosternError } from '../base/errors.ts';

/** A key, a padding or a signature that is not what it should be. `code` names the failure; no secret is in the text. */
export class CryptoError extends PosternError {}
