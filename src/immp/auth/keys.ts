// What is made of a password and of the server's nonces: K1, K2 and K3. Pure, and the same on both sides.   spec: immp 2.6
//
// K3 is the proof of SCRAM-SHA-256 (RFC 5802, RFC 7677) over the values of 303, with h2 in the place of SaltedPassword:
//
//   ClientKey = HMAC(h2, "Client Key")    StoredKey = SHA-256(ClientKey)    ServerKey = HMAC(h2, "Server Key")
//   AuthMessage = "IMMP-K3" 00 account 00 line 00 server 00
//   K3 = ClientKey XOR HMAC(StoredKey, AuthMessage)        v = HMAC(ServerKey, AuthMessage)
//
// HMAC is over SHA-256, 00 is one zero octet, texts are UTF-8; `account` is the normal form, `line` the text of the 303 reply
// after its code and space, `server` the fingerprint of the key that the TLS server showed, 64 lower-case digits. The server keeps
// StoredKey and ServerKey, with which nobody can log in, and shows `v` in `304 v=…` before 210, so that the client knows it too.

import { type BinaryLike, createHmac, hash, pbkdf2, scrypt } from 'node:crypto';
import { promisify } from 'node:util';
import { equalBytes, toHex } from '../../base/bytes.ts';

const KEY_OCTETS = 32;
const H1_ROUNDS = 600_000;
const SCRYPT_MEMORY = 257 * 1024 * 1024;
const ZERO = '\0';

export interface ScryptCost {
  /** A power of two. */
  readonly N: number;
  readonly r: number;
  readonly p: number;
}

/** What a client takes: below it a password is too cheap to guess, above it the client would work for ever.   spec: immp 2.6 */
export function isFairCost({ N, r, p }: ScryptCost): boolean {
  const whole = [N, r, p].every((value) => Number.isSafeInteger(value) && value >= 1);
  return whole && N >= 16384 && (N & (N - 1)) === 0 && r >= 8 && N * r * 128 <= 256 * 1024 * 1024 && p <= 16;
}

export interface Nonces {
  readonly account: string;
  readonly n1: string;
  readonly n2: string;
}

/** The key derivation of version 1.0: 32 octets. */
export function deriveH1(password: string, account: string): Promise<Buffer> {
  return promisify(pbkdf2)(password.normalize('NFC'), `IMMP1:${account}`, H1_ROUNDS, KEY_OCTETS, 'sha256');
}

/** 32 octets. */
export function deriveH2(password: string, salt: Uint8Array, cost: ScryptCost): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const options = { ...cost, maxmem: SCRYPT_MEMORY };
    scrypt(password.normalize('NFC'), salt, KEY_OCTETS, options, (error, key) =>
      error ? reject(error) : resolve(key),
    );
  });
}

export function keyK1(h1: Uint8Array, { n1, n2 }: Nonces): Buffer {
  return hash('sha1', `${toHex(h1)}${n1}${n2}`, 'buffer');
}

export function keyK2(h2: Uint8Array, { account, n1, n2 }: Nonces): Buffer {
  return hmac(h2, ['IMMP-K2', account, n1, n2, ''].join(ZERO));
}

/** What the server keeps for K3; 32 octets each. */
export interface Verifier {
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

export function verifierOf(h2: Uint8Array): Verifier {
  return { storedKey: hash('sha256', hmac(h2, 'Client Key'), 'buffer'), serverKey: hmac(h2, 'Server Key') };
}

/** The text that both sides of K3 agree on. `line` is what follows the code of 303; `server` the fingerprint of its TLS key. */
export function authMessage(account: string, line: string, server: Uint8Array): string {
  return ['IMMP-K3', account, line, toHex(server), ''].join(ZERO);
}

export function proofK3(h2: Uint8Array, message: string): Buffer {
  return xor(hmac(h2, 'Client Key'), hmac(verifierOf(h2).storedKey, message));
}

/** What the server shows when it knows the verifier; the client makes it too, and compares. */
export function serverProofK3(h2: Uint8Array, message: string): Buffer {
  return hmac(verifierOf(h2).serverKey, message);
}

/** The server's own proof when the client's is right, otherwise undefined. */
export function checkK3({ storedKey, serverKey }: Verifier, message: string, proof: Uint8Array): Buffer | undefined {
  const clientKey = xor(proof, hmac(storedKey, message));
  const right = equalBytes(hash('sha256', clientKey, 'buffer'), storedKey);
  const own = hmac(serverKey, message); // made in either case, so that both take as long
  return right ? own : undefined;
}

function hmac(key: Uint8Array, data: BinaryLike): Buffer {
  return createHmac('sha256', key).update(data).digest();
}

function xor(a: Uint8Array, b: Uint8Array): Buffer {
  return Buffer.from(a.map((octet, place) => octet ^ (b[place] ?? 0)));
}
