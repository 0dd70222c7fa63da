// How input fails in Type III, in the three classes that implementations are compared by. `code` is the finer
// reason: short, stable, free of secrets, and fit to label a counter of drops.

import { PosternError } from '../../base/errors.ts';
import { CryptoError } from '../../crypto/errors.ts';

export { CryptoError };

/** Malformed: a length, a magic, a field that no reader could take. */
export class ParseError extends PosternError {}

/** Well-formed and still unacceptable: the wrong version, a wrong digest, a routing type that nobody defined. */
export class ContentError extends PosternError {}
