// The clear text of letters, which any stranger may have written.

import { ClientError } from '../../src/smallmail/client/errors.ts';
import { readClearLetter } from '../../src/smallmail/client/open-letter.ts';
import type { FuzzTarget } from '../harness.ts';

const MAIL = [
  'From: 6A5A7A8A650F0C12961ED8F74278AF1D067C0E57@mail.example',
  'Subject: =?utf-8?B?aMOp?=',
  'Content-Type: multipart/mixed; boundary="b"',
  '',
  '--b',
  'Content-Type: text/plain; charset=utf-8',
  'Content-Transfer-Encoding: quoted-printable',
  '',
  'h=C3=A9',
  '--b',
  "Content-Disposition: attachment; filename*=utf-8''%2e%2e%2fx",
  'Content-Type: application/octet-stream',
  'Content-Transfer-Encoding: base64',
  '',
  'aGk=',
  '--b--',
  '',
].join('\r\n');

export const target: FuzzTarget = {
  about: 'the clear text of SmallMail letters',
  seeds: () => [Buffer.from('plain text'), Buffer.from(MAIL)],
  async run(input) {
    try {
      const { attachments } = await readClearLetter(input);
      for (const { name } of attachments) {
        if (name === '' || name.startsWith('.') || /[/\\\p{Cc}]/u.test(name))
          throw new Error('a name leaves its folder');
      }
    } catch (error) {
      if (!(error instanceof ClientError)) throw error;
    }
  },
};
