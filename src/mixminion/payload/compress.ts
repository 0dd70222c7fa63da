// Messages travel as zlib streams. All senders must write the same octets for the same message, or their software shows;
// readers take what the original program took, and stop at a limit.   spec: mixminion-e2e 3

import { constants as bufferConstants } from 'node:buffer';
import { constants, inflateSync } from 'node:zlib';
import { Deflate } from 'pako';
import { asBuffer } from '../../base/bytes.ts';
import { codeOf } from '../../base/errors.ts';
import { OvercompressedError, PayloadError } from './errors.ts';

/** The two octets that level 9 and a window of 32 KB give every stream. */
const STREAM_START = 0x78da;
const MIN_STREAM = 6;
/** A message may inflate to this many times its compressed length. */
const MAX_RATIO = 20;
/** What a single packet may inflate to, however short it is. */
const SINGLETON_FLOOR = 20 * 1024;
/** Below this compressed length no one minds the ratio. */
const RATIO_FLOOR = 1024;
/** Output is gathered in pieces of at most this many octets. */
const PIECE = 64 * 1024;
/** Noise grows by little more than this when it is compressed. */
const GROWTH = 64;

/**
 * The octets that stock zlib writes at level 9 (window 15, memory level 8). Node's own deflate is a fork that chooses
 * other matches; pako 2.1 is a faithful port.   spec: mixminion-e2e 3
 */
export function compress(message: Uint8Array): Buffer {
  const chunkSize = Math.min(PIECE, message.length + GROWTH);
  const stream = new Deflate({ level: 9, windowBits: 15, memLevel: 8, strategy: 0, chunkSize });
  stream.push(message, true);
  const result: unknown = stream.result;
  if (stream.err !== 0 || !(result instanceof Uint8Array))
    throw new PayloadError('compression', `the message could not be compressed: ${stream.msg}`);
  return asBuffer(result);
}

/**
 * The message in a zlib stream. A stream that breaks off gives what came so far, octets behind its end are ignored, as
 * the original program does. Throws OvercompressedError as soon as more than `limit` octets would come out (1 or more;
 * Infinity for no limit), and PayloadError for what is no stream or a damaged one.   spec: mixminion-e2e 3
 */
export function decompress(compressed: Buffer, limit: number): Buffer {
  if (compressed.length < MIN_STREAM || compressed.readUInt16BE() !== STREAM_START)
    throw new PayloadError('compression', 'the message is no zlib stream of the kind that senders write');
  try {
    return inflateSync(compressed, {
      finishFlush: constants.Z_SYNC_FLUSH,
      maxOutputLength: Math.min(limit, bufferConstants.MAX_LENGTH),
    });
  } catch (cause) {
    if (codeOf(cause) === 'ERR_BUFFER_TOO_LARGE') throw new OvercompressedError(compressed, limit);
    throw new PayloadError('compression', 'the compressed message is damaged', { cause });
  }
}

/** Octets that a message in one packet may inflate to.   spec: mixminion-e2e 3.1 */
export function singletonLimit(compressedLength: number): number {
  return Math.max(SINGLETON_FLOOR, MAX_RATIO * compressedLength);
}

/** Octets that a message put together from fragments may inflate to.   spec: mixminion-e2e 3.1 */
export function reassembledLimit(compressedLength: number): number {
  return MAX_RATIO * compressedLength;
}

/** Whether readers will refuse to inflate a message that shrank this much: worth a warning to its sender. */
export function isOvercompressed(length: number, compressedLength: number): boolean {
  return compressedLength > RATIO_FLOOR && length >= MAX_RATIO * compressedLength;
}
