// What a server answers, octet for octet, in both dialects.   spec: cmtp 4, 9 D3, D4, D6

import { type KeyPair, sign } from '../crypto/keys.ts';
import { zeroEnded } from './names.ts';

export const SUCCESS = 'SUCCESS';
export const FAILURE = 'FAILURE';
export const KEY_NOT_AVAILABLE = 'KEYNOTAVAILABLE';
export const DELIVERY_FAILURE = 'DELIVERYFAILURE';

/** As the old reference server says things.   spec: cmtp 4 */
export const REFERENCE = {
  greeting: zeroEnded('Welcome to CMTP version < 1\n'),
  ohai: zeroEnded('HAI!!! :3\n'),
  noop: zeroEnded('O_O\n'),
  help: zeroEnded('Commands: OHAI, MAIL, HELP, NOOP, KEYREQUEST, OBAI\n'),
  obai: zeroEnded('Good bye\n'),
} as const;

const NUL = Buffer.from([0]);
const VERSION_0 = u32(0);
const VERSION_1 = u32(1);

/** The answers of one server: those that are always the same are signed once. */
export interface Replies {
  readonly success: Buffer;
  readonly failure: Buffer;
  readonly keyNotAvailable: Buffer;
  readonly deliveryFailure: Buffer;
  /** 102 octets. */
  key(publicKey: Uint8Array): Buffer;
  /** Version 1, length, content, signature over the content: an xzibit (228 octets), a challenge. */
  signed(content: Uint8Array): Buffer;
  /** How the old reference server says that there is no key: 102 octets, of which a reader knows 4 to 15 to mean nothing.   spec: cmtp 4.1 */
  readonly referenceNoKey: Buffer;
}

export function makeReplies(server: KeyPair): Replies {
  // The signature is over the text without its NUL.   spec: cmtp 9 D3
  const general = (text: string) => Buffer.concat([zeroEnded(text), sign(Buffer.from(text), server), NUL]);
  return {
    success: general(SUCCESS),
    failure: general(FAILURE),
    keyNotAvailable: Buffer.concat([VERSION_0, general(KEY_NOT_AVAILABLE)]),
    deliveryFailure: Buffer.concat([VERSION_0, general(DELIVERY_FAILURE)]),
    key: (publicKey) => Buffer.concat([VERSION_1, publicKey, NUL, sign(publicKey, server), NUL]),
    signed: (content) => Buffer.concat([VERSION_1, u32(content.byteLength), content, sign(content, server)]),
    referenceNoKey: referenceNoKey(server),
  };
}

/** A key that no signature covers, the word's first letters at its place, and the signature over the word with its NUL. */
function referenceNoKey(server: KeyPair): Buffer {
  const word = zeroEnded(KEY_NOT_AVAILABLE);
  return Buffer.concat([VERSION_1, Buffer.alloc(12), word.subarray(0, 4), sign(word, server), Buffer.alloc(18)]);
}

export function u32(value: number): Buffer {
  const octets = Buffer.alloc(4);
  octets.writeUInt32BE(value);
  return octets;
}
