// The vectors in docs/protocols/underhill.md, made again.   spec: mixminion-nym 2, 3, 4.3, 4.4, 7

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { sha1 } from '../crypto/hash.ts';
import { lionessEncrypt, lionessKeys } from '../crypto/lioness.ts';
import { compress } from '../mixminion/payload/compress.ts';
import { readHolderMessage, writeHolderMessage } from './messages/to-holder.ts';
import { readServerMessage, writeSigned } from './messages/to-server.ts';
import { phraseDigest } from './shutdown-phrase.ts';
import { readSynopses, writeSynopses, writeSynopsis } from './synopsis.ts';

const page = readFileSync(new URL('../../docs/protocols/underhill.md', import.meta.url), 'utf8');
/** The hex digits of the block under the line `vector NAME`. */
function vector(name: string): Buffer {
  const [, digits = ''] = new RegExp(`\`${name}\`:\\n+\`\`\`\\n([0-9a-f\\s]+)\`\`\``).exec(page) ?? [];
  expect(digits, `the vector ${name} stands there`).not.toBe('');
  return Buffer.from(digits.replace(/\s/g, ''), 'hex');
}

const id = (octet: number) => Buffer.alloc(20, octet);

test('a message to the server', () => {
  const signed = writeSigned({
    nym: 'alice',
    seqno: id(7),
    commands: [
      { word: 'CREATE2', response: Buffer.from([0, ...id(9)]) },
      { word: 'GET', ids: [id(1)] },
      { word: 'SUMMARIZE', most: 16, after: id(0) },
      { word: 'DELETE', ids: [id(2)] },
      { word: 'POLICY', option: 'SendMsgAfter', value: Buffer.from('60') },
      {
        word: 'RELAY',
        recipients: ['bob@example.org'],
        headers: new Map([['SUBJECT', 'hi']]),
        body: Buffer.from('Hello.\n'),
      },
    ],
  });
  expect(vector('to-server')).toEqual(signed);
  expect(readServerMessage(Buffer.concat([Buffer.alloc(256), signed])).commands).toHaveLength(6);
});

test('a message to the nymholder', () => {
  const written = writeHolderMessage([
    { word: 'CREATED', nym: 'alice', challenge: Buffer.from([0, ...id(9)]) },
    { word: 'SUMMARY', valid: 0b101, sealed: Buffer.from('sealed') },
    { word: 'MSG', id: id(1), sealed: Buffer.from('sealed') },
    { word: 'DROPPED', ids: [id(2)] },
    { word: 'ERROR', nonce: id(7), text: 'no' },
    { word: 'STATUS', messages: 2, surbs: 17, quota: 1048576, used: 2560, acknowledged: [id(7)] },
  ]);
  expect(vector('to-holder')).toEqual(written);
  expect(readHolderMessage(written)).toHaveLength(6);
});

test('a synopsis in a set', () => {
  const mail = Buffer.from('Received: from a by b\nFrom: bob@example.org\nX-Other: no\nSubject: hi\n\nHello.\n');
  const set = writeSynopses([{ id: id(1), text: writeSynopsis(mail) }]);
  expect(vector('synopses')).toEqual(set);
  expect(readSynopses(set)).toHaveLength(1);
});

test('the block of a sealed empty text', () => {
  const padded = Buffer.alloc(128);
  padded.set(compress(Buffer.alloc(0)));
  const block = lionessEncrypt(lionessKeys(Buffer.from(Array.from({ length: 16 }, (_, index) => index)), ''), padded);
  expect(vector('sealed-block')).toEqual(block);
  expect(sha1(block).toString('hex')).toBe('12ffbeae3201dbf395a6b3e81246f9de1a7493f4');
});

test('the digest of a phrase', () => {
  expect(vector('phrase')).toEqual(phraseDigest(' seven  geese\tover the mill '));
});
