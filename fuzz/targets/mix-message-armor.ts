// Armoured messages: what is read is written and read again to the same.

import { ParseError } from '../../src/mixminion/packet/errors.ts';
import { type AnonymousMessage, readMessages, writeMessage } from '../../src/mixminion/payload/text.ts';
import type { FuzzTarget } from '../harness.ts';

const contents = Buffer.from('- a line\n-----END x-----\n');

export const target: FuzzTarget = {
  about: 'Type III messages as text',
  seeds: () => [
    writeMessage({ type: 'plaintext', contents }),
    writeMessage({ type: 'binary', contents }),
    writeMessage({ type: 'encrypted', contents, tag: Buffer.alloc(20, 1) }),
    Buffer.concat([
      Buffer.from('hello\r\n'),
      writeMessage({ type: 'fragment', contents }),
      writeMessage({ type: 'overcompressed', contents }),
    ]),
  ],
  run(input) {
    let messages: AnonymousMessage[];
    try {
      messages = readMessages(input);
    } catch (error) {
      if (error instanceof ParseError) return;
      throw error;
    }
    for (const message of messages) {
      const again = readMessages(writeMessage(message));
      const [back] = again;
      const text = message.type === 'plaintext' && !message.contents.toString('latin1').endsWith('\n');
      const expected = text ? Buffer.concat([message.contents, Buffer.from('\n')]) : message.contents;
      const same = back?.type === message.type && back.contents.equals(expected) && sameTag(back, message);
      if (again.length !== 1 || !same) throw new Error('written otherwise than read');
    }
  },
};

function sameTag(a: AnonymousMessage, b: AnonymousMessage): boolean {
  return a.tag === undefined ? b.tag === undefined : b.tag?.equals(a.tag) === true;
}
