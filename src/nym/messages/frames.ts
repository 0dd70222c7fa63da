// Commands as they stand one after another in a control message, in both directions.   spec: mixminion-nym 2, 3
//
//   CT u8 | CS u24 | CD (CS octets)

import { NymError } from '../errors.ts';
import { counted, type FieldReader, uint } from './octets.ts';

/** The length of the name of a mail, and of the nonce of a control message.   spec: mixminion-nym 1, 2 */
export const ID_LENGTH = 20;
/** `Z(20)`: older than every mail, and the nonce of no message. */
export const NO_ID = Buffer.alloc(ID_LENGTH);
/** Octets of a whole control message; what a server says that it takes. */
export const MAX_MESSAGE = 1024 * 1024;
const MAX_COMMANDS = 4096;

export interface Frame {
  readonly code: number;
  readonly data: Buffer;
}

export function writeFrame(code: number, ...data: readonly Uint8Array[]): Buffer {
  return Buffer.concat([uint(code, 1), counted(3, Buffer.concat(data))]);
}

/** Throws NymError `message` when the last command is cut off: then none of them counts.   spec: mixminion-nym 2 */
export function readFrames(reader: FieldReader): Frame[] {
  const frames: Frame[] = [];
  while (reader.left > 0) {
    if (frames.length === MAX_COMMANDS) throw new NymError('message', `more than ${MAX_COMMANDS} commands`);
    const code = reader.uint(1);
    frames.push({ code, data: reader.take(reader.uint(3)) });
  }
  return frames;
}

/** Ids one after another. Throws NymError `message` when the last is cut off. */
export function readIds(reader: FieldReader): Buffer[] {
  if (reader.left % ID_LENGTH !== 0) throw new NymError('message', 'the last id is cut off');
  return Array.from({ length: reader.left / ID_LENGTH }, () => reader.take(ID_LENGTH));
}

/** Throws NymError `field` for one that has not 20 octets. */
export function writeIds(ids: readonly Uint8Array[]): Buffer {
  if (ids.some((id) => id.byteLength !== ID_LENGTH)) throw new NymError('field', `an id has ${ID_LENGTH} octets`);
  return Buffer.concat(ids);
}
