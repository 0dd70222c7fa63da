// OpenPGP as far as IMMP wants it: a key of one's own, octets encrypted and decrypted as they pass, detached signatures. The
// library is loaded when it is needed first.   spec: immp 1.9, 2.8, 2.11

import { ReadableStream } from 'node:stream/web';
import type { Config, PrivateKey, PublicKey } from 'openpgp';
import { DAY, HOUR } from '../../base/time.ts';
import { ImmpError } from '../errors.ts';

type Library = typeof import('openpgp');
type Octets = AsyncIterable<Uint8Array>;

/** Clocks differ by so much at most. */
const LEEWAY = HOUR;
const MAX_ARMOURED = 64 * 1024;

let loaded: Promise<{ readonly library: Library; readonly config: Config }> | undefined;

function openPgp() {
  loaded ??= import('openpgp').then((library) => ({
    library,
    // What comes out of a stream is used when its end was found to be right, and not before.
    config: { ...library.config, nonDeterministicSignaturesViaNotation: false, allowUnauthenticatedStream: true },
  }));
  return loaded;
}

/** A new key that signs and is encrypted to, armoured with its private half. Programs of many years can use it. */
export async function makeKey(address: string, now: number): Promise<string> {
  const { library, config } = await openPgp();
  const { privateKey } = await library.generateKey({
    type: 'ecc',
    curve: 'curve25519Legacy',
    userIDs: [{ email: address }],
    date: new Date(now - DAY), // others may be behind
    format: 'armored',
    config,
  });
  return privateKey;
}

/** Throws ImmpError `openpgp`. */
export async function readOwnKey(armoured: string): Promise<PrivateKey> {
  const { library, config } = await openPgp();
  return library.readPrivateKey({ armoredKey: armoured, config }).catch(bad('that is no OpenPGP key'));
}

/** A key that can be encrypted to. Throws ImmpError `openpgp`. */
export async function readKey(armoured: string, now: number): Promise<PublicKey> {
  if (armoured.length > MAX_ARMOURED) throw new ImmpError('openpgp', 'that key is too long');
  const { library, config } = await openPgp();
  const key = await library.readKey({ armoredKey: armoured, config }).catch(bad('that is no OpenPGP key'));
  await key.getEncryptionKey(undefined, new Date(now + LEEWAY)).catch(bad('that key cannot be encrypted to'));
  return key;
}

/** 40 lower-case hex digits. */
export function fingerprintOf(key: PublicKey | PrivateKey): string {
  return key.getFingerprint().toLowerCase();
}

/** A binary message. What `chunks` throws passes through. */
export async function encrypt(chunks: Octets, key: PublicKey, now: number): Promise<Octets> {
  const { library, config } = await openPgp();
  const message = await library.createMessage({ binary: streamOf(chunks) });
  const options = { message, encryptionKeys: key, format: 'binary', date: new Date(now), config } as const;
  return (await library.encrypt(options)) as unknown as Octets;
}

/** The octets within; only when they have come to their end are they known to be whole. Throws ImmpError `openpgp`. */
export async function* decrypt(chunks: Octets, key: PrivateKey, limit: number): AsyncGenerator<Uint8Array, void, void> {
  const { library, config } = await openPgp();
  const limited = { ...config, maxDecompressedMessageSize: limit };
  try {
    const message = await library.readMessage({ binaryMessage: streamOf(chunks), config: limited });
    const { data } = await library.decrypt({ message, decryptionKeys: key, format: 'binary', config: limited });
    yield* data as unknown as Octets;
  } catch (cause) {
    throw new ImmpError('openpgp', 'that cannot be decrypted', { cause });
  }
}

/** Armoured. */
export async function sign(octets: Uint8Array, key: PrivateKey, now: number): Promise<string> {
  const { library, config } = await openPgp();
  const message = await library.createMessage({ binary: octets });
  const options = { message, signingKeys: key, detached: true, date: new Date(now), config } as const;
  return (await library.sign({ ...options, format: 'armored' })) as string;
}

export async function isSignedBy(key: PublicKey, octets: Uint8Array, armoured: string, now: number): Promise<boolean> {
  const { library, config } = await openPgp();
  try {
    const signature = await library.readSignature({ armoredSignature: armoured, config });
    const message = await library.createMessage({ binary: octets });
    const date = new Date(now + LEEWAY);
    const { signatures } = await library.verify({ message, signature, verificationKeys: key, date, config });
    return (await signatures[0]?.verified) === true;
  } catch {
    return false;
  }
}

function streamOf(chunks: Octets): ReadableStream<Uint8Array> {
  return ReadableStream.from(chunks) as ReadableStream<Uint8Array>;
}

function bad(message: string): (cause: unknown) => never {
  return (cause) => {
    throw new ImmpError('openpgp', message, { cause });
  };
}
