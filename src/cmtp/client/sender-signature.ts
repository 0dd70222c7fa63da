// By whom a message is, which CMTP itself does not say: an attachment that holds the sender's signature over all the rest. Who
// does not know it sees a file of 64 octets.   spec: cmtp 9 D20

import { type KeyPair, SIGNATURE_LENGTH, sign, verify } from '../crypto/keys.ts';
import { type Place, zeroEnded } from '../wire/names.ts';
import { readAttachment, writeAttachment } from './attachment.ts';

const NAME = 'cmtp-signature.ed25519';
/** Octets of the attachment's plaintext. */
export const SIGNATURE_SIZE = NAME.length + 1 + SIGNATURE_LENGTH;
const PREFIX = zeroEnded('CMTP-SIG-1');

/** All plaintexts as they were before sealing. */
export interface Parts {
  readonly to: Place;
  readonly from: Place;
  readonly body: Uint8Array;
  /** Attachments, the signature not among them. */
  readonly files: readonly Uint8Array[];
}

/** The plaintext of the attachment. */
export function signParts(parts: Parts, signer: KeyPair): Buffer {
  return writeAttachment({ name: NAME, content: sign(signedOctets(parts), signer) });
}

/** Whether this plaintext is of a signature. */
export function isSignature(file: Uint8Array): boolean {
  return readAttachment(file).name === NAME;
}

export function verifyParts(file: Uint8Array, parts: Parts, key: Uint8Array): boolean {
  return verify(readAttachment(file).content, signedOctets(parts), key);
}

function signedOctets({ to, from, body, files }: Parts): Buffer {
  const envelope = [to.account, to.domain, from.account, from.domain].map(zeroEnded);
  return Buffer.concat([PREFIX, ...envelope, body, ...files]);
}
