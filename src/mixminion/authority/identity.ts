// The identity key of a directory server: made once, in a file that only its owner reads. Its fingerprint is what clients and
// other directory servers know this one by.   spec: mixminion-directory 4, 5

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../../base/errors.ts';
import { replaceFile } from '../../base/files.ts';
import { CryptoError } from '../../crypto/errors.ts';
import { RsaPrivateKey } from '../../crypto/rsa.ts';
import { DirectoryError } from '../directory/errors.ts';

const FILE = 'identity.key';
const BITS = 3072;
/** What old readers take. */
const LEAST_BITS = 2048;
const MOST_BITS = 4096;

/** The key in `folder`, made now if there is none. Throws DirectoryError for a file that is no such key. */
export async function authorityIdentity(folder: string): Promise<RsaPrivateKey> {
  const path = join(folder, FILE);
  const pem = await readFile(path, 'latin1').catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (pem !== undefined) return readKey(pem);
  const key = await RsaPrivateKey.generate(BITS);
  await keepIdentity(folder, key);
  return key;
}

/** Writes the key of a directory server that is about to be opened for the first time, made elsewhere. */
export async function keepIdentity(folder: string, key: RsaPrivateKey): Promise<void> {
  await replaceFile(join(folder, FILE), key.toPem());
}

function readKey(pem: string): RsaPrivateKey {
  try {
    const key = RsaPrivateKey.fromPem(pem);
    const { bits } = key.publicKey;
    if (bits >= LEAST_BITS && bits <= MOST_BITS) return key;
    throw new CryptoError('bad-key', `it has ${bits} bits instead of ${LEAST_BITS} to ${MOST_BITS}`);
  } catch (cause) {
    if (!(cause instanceof CryptoError)) throw cause;
    throw new DirectoryError('value', `the identity key of the directory cannot be used: ${cause.message}`, {
      cause,
      remedy: `put ${FILE} back from a backup: with another key this is another directory server, which nobody knows`,
    });
  }
}
