// What is inside an attachment once it is open: a file's name and its octets.   spec: cmtp 5, 9 D17

import { asBuffer } from '../../base/bytes.ts';

const NUL = 0;
const MAX_NAME = 255;
const UNNAMED = 'attachment';

export interface Attachment {
  /** Without folders. */
  readonly name: string;
  readonly content: Buffer;
}

/** The plaintext: `z(file name)`, then the octets. */
export function writeAttachment({ name, content }: Attachment): Buffer {
  return Buffer.concat([Buffer.from(`${fileName(name)}\0`), content]);
}

/** Never throws: what has no name gets one, and what a name must not hold is taken out of it. */
export function readAttachment(plaintext: Uint8Array): Attachment {
  const octets = asBuffer(plaintext);
  const end = octets.indexOf(NUL);
  if (end < 0) return { name: UNNAMED, content: octets };
  return { name: fileName(octets.subarray(0, end).toString('utf8')), content: octets.subarray(end + 1) };
}

/** The last part of a path, of either kind of slash, without control characters and leading dots; at most 255 octets. */
function fileName(text: string): string {
  const last = (text.split(/[/\\]/).at(-1) ?? '').replace(/\p{Cc}/gu, '').replace(/^\.+/, '');
  let name = '';
  for (const letter of last) {
    if (Buffer.byteLength(name + letter) > MAX_NAME) break;
    name += letter;
  }
  return name === '' ? UNNAMED : name;
}
