// What a user signs to our extension words. Each text names the server, so that no other can use it, and
// the domain with its ASCII letters in lower case.
//
//   XCHAL   z(user)                                              -> u32 1, u32 32, challenge (32), server's signature over it
//   XAUTH   signature over authProof                             -> SUCCESS or FAILURE; a challenge serves once, for 60 s
//   XLIST                                                        -> u32 1, u32 count, count × (id (32), u64 length, u64 arrival)
//   XFETCH  id (32)                                              -> u32 1, u64 length, message, server's signature over it; FAILURE
//   XDELETE id (32)                                              -> SUCCESS or FAILURE
//   XENROL  z(token) z(user) key (32) xzibit (156) signature     -> SUCCESS or FAILURE; the signature is the new key's, over enrolProof
//   XROTATE key (32) xzibit (156) signature                      -> SUCCESS or FAILURE; after XAUTH, the new key's, over rotateProof
//
// An id is 32 octets of any kind. XROTATE with the key of today and another xzibit is a new passphrase.   spec: cmtp 9 D13, D22, D23

import { lowerCase, zeroEnded } from './names.ts';

export const CHALLENGE_LENGTH = 32;
export const MESSAGE_ID_LENGTH = 32;

/** Who is proved, and to whom. */
export interface ProofOf {
  /** The server's public key, 32 octets. */
  readonly server: Uint8Array;
  readonly account: string;
  readonly domain: string;
}

/** What a user is enrolled with or goes over to. */
export interface UserKeys {
  /** 32 octets. */
  readonly publicKey: Uint8Array;
  /** 156 octets. */
  readonly xzibit: Uint8Array;
}

/** spec: cmtp 9 D13 */
export function authProof({ server, account, domain }: ProofOf, challenge: Uint8Array): Buffer {
  const parts = [zeroEnded('CMTP-XAUTH-1'), server, challenge, zeroEnded(account), zeroEnded(lowerCase(domain))];
  return Buffer.concat(parts);
}

export function enrolProof({ server, account, domain }: ProofOf, token: string, keys: UserKeys): Buffer {
  const names = [token, account, lowerCase(domain)].map(zeroEnded);
  return Buffer.concat([zeroEnded('CMTP-XENROL-1'), server, ...names, keys.publicKey, keys.xzibit]);
}

export function rotateProof({ server, account, domain }: ProofOf, keys: UserKeys): Buffer {
  const names = [account, lowerCase(domain)].map(zeroEnded);
  return Buffer.concat([zeroEnded('CMTP-XROTATE-1'), server, ...names, keys.publicKey, keys.xzibit]);
}
