// The identity key of a directory server: made once, in a file that only its owner reads. Its fingerprint is what clients and
// other directory servers know this one by.   spec: mixminion-directory 4, 5

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../../base/errors.ts';
import { replaceFile } from '../../base/files.ts';
import { RsaPrivateKey } from '../../crypto/rsa.ts';
import { DirectoryError } from '../directory/errors.ts';

const FILE = 'identity.key';
const BITS = 3072;
/** What old readers take. */
const LEAST_BITS = 2048;
const MOST_BITS = 4096;

/** The key in `folder`, made now if there is none. Throws CryptoError or DirectoryError for a file that is no such key. */
export async function authorityIdentity(folder: string): Promise<RsaPrivateKey> {
  const path = join(folder, FILE);
  const pem = await readFile(path, 'latin1').catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  });
  const key = pem === undefined ? await RsaPrivateKey.generate(BITS) : RsaPrivateKey.fromPem(pem);
  const { bits } = key.publicKey;
  if (bits < LEAST_BITS || bits > MOST_BITS)
    throw new DirectoryError('value', `the identity key of the directory has ${bits} bits`, {
      remedy: `use one of ${LEAST_BITS} to ${MOST_BITS} bits`,
    });
  if (pem === undefined) await replaceFile(path, key.toPem());
  return key;
}
