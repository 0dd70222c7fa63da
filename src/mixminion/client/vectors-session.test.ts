// A session of the original client program (client_session.json), through the public face alone: what it kept and what
// was mailed to it.

import { expect, test } from 'vitest';
import { hex, mixminionVectors } from '../../../test/support/vectors.ts';
import {
  assembleFragments,
  type DecodedPacket,
  decodeAll,
  Keyring,
  Mix3BadPassphraseError,
  primitives,
  Surb,
} from './index.ts';

const digest = (octets: Uint8Array) => primitives.sha256(octets).toString('hex');

const session = mixminionVectors<{
  keyring_file: string;
  passphrase: string;
  surb_keys: [string, string][];
  surb_text: string;
  mails: {
    mail: string;
    messages: {
      type: string;
      contents_len: number;
      contents_sha256: string;
      identity?: string;
      decoded_b64?: string;
      fragment?: { index: number; msg_id: string; msg_len: number };
    }[];
  }[];
  reassembled: { msg_id: string; message_len: number; message_sha256: string }[];
}>('client_session');

test('a session of the original client: its key ring, its mails, its fragments', () => {
  const keyring = Keyring.open(session.keyring_file, session.passphrase);
  expect(keyring.all().map(({ identity, bytes }) => [identity, bytes.toString('hex')])).toEqual(session.surb_keys);
  expect(() => Keyring.open(session.keyring_file, 'another')).toThrow(Mix3BadPassphraseError);
  expect(Surb.parseAll(session.surb_text)).toHaveLength(1);

  const fragments: DecodedPacket[] = [];
  for (const { mail, messages } of session.mails) {
    const found = decodeAll(Buffer.from(mail, 'latin1'), { secrets: keyring.all() });
    expect(found).toHaveLength(messages.length);
    for (const [place, { type, contents_len, contents_sha256, ...expected }] of messages.entries()) {
      const packet = found[place];
      if (packet === undefined) throw new Error('a message is missing');
      expect(packet.wasPlaintext).toBe(type !== 'ENC');
      expect(packet.identity).toBe(expected.identity);
      if (type === 'TXT' || type === 'BIN') {
        // The mail's CR LF are those of its way; the vector has the text without them.
        const text = Buffer.from(packet.getMessage().toString('latin1').replaceAll('\r\n', '\n'), 'latin1');
        expect([text.length, digest(text)]).toEqual([contents_len, contents_sha256]);
      }
      if (expected.fragment !== undefined) {
        const { fragmentIndex: index, messageId, compressedLength: msg_len } = packet;
        expect({ index, msg_id: messageId.toString('hex'), msg_len }).toEqual(expected.fragment);
        fragments.push(packet);
      } else if (expected.decoded_b64 !== undefined)
        expect(packet.getMessage().toString('base64')).toBe(expected.decoded_b64);
    }
  }
  for (const { msg_id, message_len, message_sha256 } of session.reassembled) {
    const message = assembleFragments(fragments.filter(({ messageId }) => messageId.equals(hex(msg_id))));
    expect([message.length, digest(message)]).toEqual([message_len, message_sha256]);
  }
});
