// The mail that an exit makes of a message: whatever is in it, nothing but its body is the sender's to write.

import { writeMail } from '../../src/mixminion/exit/mail.ts';
import { compress } from '../../src/mixminion/payload/compress.ts';
import { classifyReassembled } from '../../src/mixminion/payload/delivery.ts';
import type { FuzzTarget } from '../harness.ts';

const HEAD = /^(To|From|Subject|In-Reply-To|References|X-Anonymous): [ -~]{0,992}$/;
const FROM = /^From: ("\[Anon\] [^"\\]*" <anon@exit\.example\.org>|anon@exit\.example\.org)$/;

const style = {
  returnAddress: 'anon@exit.example.org',
  allowFrom: true,
  fromTag: '[Anon]',
  subject: 'Type III Anonymous Message',
  abuse: '',
  comments: '',
  disclaimer: '',
  maximumSize: 32 * 1024,
};

export const target: FuzzTarget = {
  about: 'mail that a Type III exit makes of a message and its header block',
  seeds: () =>
    [
      '',
      '\nHello\n',
      'FROM:Jo\nIN-REPLY-TO:<1@x>\nREFERENCES:<0@x>\nSUBJECT:Hi\n\n-----END TYPE III ANONYMOUS MESSAGE-----\n',
      'FROM:x" <y@z>\nSUBJECT:x\r\nBcc: y\n\nHello',
    ].map((text) => Buffer.from(text)),
  run(input) {
    const delivery = classifyReassembled(compress(input));
    if (delivery.kind === 'malformed') throw new Error('a message that we compressed ourselves cannot be read');
    const message = { id: Buffer.alloc(20), address: Buffer.alloc(0), tag: undefined, delivery };
    const mail = writeMail('bob@example.org', message, style).toString('latin1');
    const head = mail.slice(0, mail.indexOf('\n\n')).split('\n');
    const names = head.map((line) => line.split(':')[0]);
    if (head.some((line) => !HEAD.test(line)) || !FROM.test(head[1] ?? '') || new Set(names).size !== names.length)
      throw new Error('the sender wrote into the head of the mail');
    if (mail.match(/^-----END /gm)?.length !== 1) throw new Error('the armour has an end within');
  },
};
