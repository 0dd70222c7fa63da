// Anonymous messages as text, the form in which exits deliver them by mail.   spec: mixminion-e2e 8

import {
  type ArmorBlock,
  readArmor,
  readBase64,
  readText,
  writeArmor,
  writeBase64,
  writeText,
} from '../packet/armor.ts';
import { ParseError } from '../packet/errors.ts';
import { TAG_LENGTH } from '../packet/layout.ts';

const NAME = 'TYPE III ANONYMOUS MESSAGE';
const TYPES = ['plaintext', 'binary', 'encrypted', 'overcompressed', 'fragment'] as const;

export interface AnonymousMessage {
  readonly type: (typeof TYPES)[number];
  /**
   * plaintext, binary: the text, header block taken off. encrypted, fragment: the payload. overcompressed: the
   * compressed message.
   */
  readonly contents: Buffer;
  /** The decoding handle, 20 octets, of an encrypted message. */
  readonly tag?: Buffer;
}

/** One armoured message. A plaintext gets a line end if it has none.   spec: mixminion-e2e 8.1 */
export function writeMessage({ type, contents, tag }: AnonymousMessage): Buffer {
  const headers: [string, string][] = [['Message-type', type]];
  if (tag !== undefined) headers.push(['Decoding-handle', tag.toString('base64')]);
  return writeArmor(NAME, headers, type === 'plaintext' ? writeText(contents) : writeBase64(contents));
}

/** All armoured messages in a text, in order; none is no error. ParseError when one is malformed.   spec: mixminion-e2e 8.2 */
export function readMessages(text: Uint8Array): AnonymousMessage[] {
  return readArmor(text, NAME).map(readMessage);
}

function readMessage({ headers, body }: ArmorBlock): AnonymousMessage {
  const handle = headers.get('Decoding-handle');
  if (handle !== undefined) {
    const tag = readBase64(Buffer.from(handle, 'latin1'));
    if (tag.length !== TAG_LENGTH) throw new ParseError('armor', `a decoding handle has ${TAG_LENGTH} octets`);
    return { type: 'encrypted', contents: readBase64(body), tag };
  }
  const stated = headers.get('Message-type') ?? 'plaintext';
  const type = TYPES.find((known) => known === stated);
  if (type === undefined) throw new ParseError('armor', 'an armoured message is of an unknown type');
  return { type, contents: type === 'plaintext' ? readText(body) : readBase64(body) };
}
