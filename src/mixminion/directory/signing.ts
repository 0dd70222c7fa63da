// Digest and signature inside the text that they cover: both are taken with the values of those two lines left out.
// spec: mixminion-directory 3.3

import { equalBytes } from '../../base/bytes.ts';
import type { Random } from '../../base/random.ts';
import { sha1 } from '../../crypto/hash.ts';
import type { RsaPrivateKey, RsaPublicKey } from '../../crypto/rsa.ts';
import { DirectoryError } from './errors.ts';

/** The keys of the digest line and of the signature line. */
export interface SignatureKeys {
  readonly digest: string;
  readonly signature: string;
}

export const DESCRIPTOR_KEYS: SignatureKeys = { digest: 'Digest', signature: 'Signature' };
export const DIRECTORY_KEYS: SignatureKeys = { digest: 'DirectoryDigest', signature: 'DirectorySignature' };

/** SHA-1 of a clean text without the values of the first two lines that have one of the keys. */
export function stubDigest(clean: string, { digest, signature }: SignatureKeys): Buffer {
  let left = 2; // spec: mixminion-directory 3.3: two replacements in the whole text, whichever they are
  const pattern = new RegExp(`^(${digest}|${signature}):.*$`, 'gm');
  const stub = clean.replace(pattern, (line, key: string) => (left-- > 0 ? `${key}:` : line));
  return sha1(Buffer.from(stub, 'latin1'));
}

/** Fills the two empty lines of a clean text. `random` gives the 20-octet seed of the signature. */
export function sign(clean: string, keys: SignatureKeys, identity: RsaPrivateKey, random: Random): string {
  const digest = stubDigest(clean, keys);
  const signature = identity.sign(digest, random);
  return clean
    .replace(new RegExp(`^${keys.digest}:$`, 'm'), `${keys.digest}: ${digest.toString('base64')}`)
    .replace(new RegExp(`^${keys.signature}:$`, 'm'), `${keys.signature}: ${signature.toString('base64')}`);
}

export interface Signature {
  readonly identity: RsaPublicKey;
  /** What the text says that its digest is. */
  readonly digest: Buffer;
  readonly signature: Buffer;
}

/** Throws DirectoryError `signature` unless the digest stated is `computed` and the signature is one over it. */
export function verify({ identity, digest, signature }: Signature, computed: Uint8Array): void {
  if (!equalBytes(digest, computed)) throw new DirectoryError('signature', 'the digest is not that of the text');
  if (!identity.verify(signature, computed)) throw new DirectoryError('signature', 'the signature does not verify');
}
