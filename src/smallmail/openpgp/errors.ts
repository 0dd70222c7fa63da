// What can be wrong with OpenPGP octets that a peer sends.

import { PosternError } from '../../base/errors.ts';

/** Octets that are not a sequence of OpenPGP packets. */
export class PacketError extends PosternError {
  constructor(message: string) {
    super('packets', message);
  }
}

type KeyErrorCode =
  /** Not one public key in binary form: broken, armoured, secret, or several at once. */
  | 'malformed'
  /** A public key, but none that a mailbox can have: too old, too weak, expired, or unable to sign or to encrypt. */
  | 'unwanted';

/** A key that no mailbox is made for. */
export class KeyError extends PosternError<KeyErrorCode> {}
