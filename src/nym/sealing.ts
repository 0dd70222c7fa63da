// Mail and synopses as the nymserver keeps them: compressed, padded, and encrypted to the nymholder as soon as they arrive.
// The server cannot open them.   spec: mixminion-nym 4.3

import { inflateSync } from 'node:zlib';
import type { Random } from '../base/random.ts';
import { lionessDecrypt, lionessEncrypt, lionessKeys } from '../crypto/lioness.ts';
import type { RsaPrivateKey, RsaPublicKey } from '../crypto/rsa.ts';
import { compress, reassembledLimit, singletonLimit } from '../mixminion/payload/compress.ts';
import { NymError } from './errors.ts';

/** What lengths are rounded up to: sizes of mails are what padding is to hide, synopses are alike anyway. */
export const MAIL_PADDING = 1024;
export const SYNOPSIS_PADDING = 128;

const KEY = 16;
/** Keys of the later revisions, which are read as well. */
const LATER_KEY = 20;
const STREAM_START = 0x78da;

/** Throws CryptoError when the key is too small for it. */
export function seal(key: RsaPublicKey, plain: Uint8Array, padding: number, random: Random): Buffer {
  const compressed = compress(plain);
  const padded = Buffer.alloc(Math.ceil(compressed.length / padding) * padding);
  padded.set(compressed);
  const secret = random.bytes(KEY);
  const block = lionessEncrypt(lionessKeys(secret, ''), padded);
  const inRsa = Math.min(block.length, key.capacity - KEY);
  return Buffer.concat([key.encrypt(Buffer.concat([secret, block.subarray(0, inRsa)]), random), block.subarray(inRsa)]);
}

/**
 * The plain octets. Throws NymError `sealed` when the key does not fit, or anything in it was changed. `limit` is how many octets
 * may come out; what any message may inflate to when it is not given.
 */
export function unseal(key: RsaPrivateKey, sealed: Buffer, limit?: number): Buffer {
  const { size } = key.publicKey;
  let head: Buffer;
  try {
    head = key.decrypt(sealed.subarray(0, size));
  } catch (cause) {
    throw new NymError('sealed', 'this key does not open it', { cause });
  }
  for (const length of [KEY, LATER_KEY]) {
    const block = Buffer.concat([head.subarray(length), sealed.subarray(size)]);
    const padded = block.length > LATER_KEY ? lionessDecrypt(lionessKeys(head.subarray(0, length), ''), block) : block;
    const plain = unpad(padded, limit);
    if (plain !== undefined) return plain;
  }
  throw new NymError('sealed', 'it was damaged or changed');
}

/** The one zlib stream at the front, when nothing but zeros follows it; undefined for anything else. */
function unpad(padded: Buffer, limit?: number): Buffer | undefined {
  if (padded.length < 2 || padded.readUInt16BE() !== STREAM_START) return undefined;
  const most = limit ?? Math.max(singletonLimit(padded.length), reassembledLimit(padded.length));
  try {
    const { buffer, engine } = inflateSync(padded, { info: true, maxOutputLength: most }) as unknown as {
      buffer: Buffer;
      engine: { bytesWritten: number };
    };
    return padded.subarray(engine.bytesWritten).every((octet) => octet === 0) ? buffer : undefined;
  } catch {
    return undefined;
  }
}
