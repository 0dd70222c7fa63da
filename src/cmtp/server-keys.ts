// The server's own key pair: two files in the counter's folder, as the old reference server kept them.   spec: cmtp 7, 9 D21

import { join } from 'node:path';
import { equalBytes } from '../base/bytes.ts';
import { PosternError } from '../base/errors.ts';
import { readIfThere, replaceFile } from '../base/files.ts';
import type { Random } from '../base/random.ts';
import { type KeyPair, keyPairOf, makeKeyPair } from './crypto/keys.ts';

const PUBLIC = 'public.key';
const PRIVATE = 'private.key';

class ServerKeyError extends PosternError<'server-key'> {}

/** Reads them, or makes them when there are none yet. Throws ServerKeyError for files that do not belong together. */
export async function serverKeys(folder: string, random: Random): Promise<KeyPair> {
  const [publicKey, secretKey] = await Promise.all([PUBLIC, PRIVATE].map((name) => readIfThere(join(folder, name))));
  if (secretKey === undefined && publicKey === undefined) {
    const made = makeKeyPair(random);
    await replaceFile(join(folder, PRIVATE), made.secretKey); // first: the other file follows from it
    await replaceFile(join(folder, PUBLIC), made.publicKey);
    return made;
  }
  const pair = secretKey && pairOf(secretKey);
  if (pair === undefined || (publicKey !== undefined && !equalBytes(pair.publicKey, publicKey))) {
    throw new ServerKeyError('server-key', `${PUBLIC} and ${PRIVATE} in ${folder} are not one key pair`, {
      remedy: 'bring both back from a backup: users and other servers know the server by this key',
    });
  }
  if (publicKey === undefined) await replaceFile(join(folder, PUBLIC), pair.publicKey);
  return pair;
}

function pairOf(secretKey: Buffer): KeyPair | undefined {
  try {
    return keyPairOf(secretKey);
  } catch {
    return undefined;
  }
}
