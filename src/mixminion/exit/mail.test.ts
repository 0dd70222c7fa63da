// The mails that the original program sent, and what hostile senders might make of one.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mixminionVectors } from '../../../test/support/vectors.ts';
import { classifyReassembled, type Delivery } from '../payload/delivery.ts';
import { parseHeaderBlock } from '../payload/header-block.ts';
import { readMessages } from '../payload/text.ts';
import { advertisedSize, fits, type MailStyle, writeMail } from './mail.ts';
import type { ExitMessage } from './module.ts';

const style: MailStyle = {
  returnAddress: 'anon@exit.example.org',
  allowFrom: true,
  fromTag: '[Anon]',
  subject: 'Type III Anonymous Message',
  abuse: '',
  comments: '',
  disclaimer: '',
  maximumSize: 100 * 1024,
};

function message(delivery: ExitMessage['delivery'], tag?: Buffer): ExitMessage {
  return { id: Buffer.alloc(20), address: Buffer.from('bob@example.org'), tag, delivery };
}

/** The mail for a text with its header block. */
function mailFor(text: string | Buffer, changes: Partial<MailStyle> = {}): string {
  const octets = typeof text === 'string' ? Buffer.from(text, 'latin1') : text;
  const delivery = { kind: 'plain', ...parseHeaderBlock(octets) } as const;
  return writeMail('bob@example.org', message(delivery), { ...style, ...changes }).toString('latin1');
}

const headOf = (mail: string) => mail.slice(0, mail.indexOf('\n\n')).split('\n');

// spec: mixminion-server 4.1
describe('mails recorded from the original program are made again', () => {
  const { mails } = mixminionVectors<{ mails: { mail: string }[] }>('client_session');
  test.each(mails.map(({ mail }, index) => [index, mail] as const))('mail %i', (_index, recorded) => {
    const lf = Buffer.from(recorded.replaceAll('\r\n', '\n'), 'latin1');
    const text = lf.toString('latin1').replace(/^(X-Envelope:.*\n)+/, '');
    const value = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(text)?.[1] ?? '';
    const [, name, returnAddress = value('From')] = /^"\[Anon\] (.*)" <(.*)>$/.exec(value('From')) ?? [];
    const headers = new Map<string, string>();
    if (name !== undefined) headers.set('FROM', name);
    if (value('Subject') !== style.subject) headers.set('SUBJECT', value('Subject'));

    const [armoured] = readMessages(lf);
    if (armoured === undefined) throw new Error('no message in the mail');
    const { type, contents, tag } = armoured;
    const delivery: ExitMessage['delivery'] =
      type === 'encrypted' ? { kind: 'encrypted', payload: contents } : { kind: 'plain', headers, body: contents };
    const again = writeMail(value('To'), message(delivery, tag), { ...style, returnAddress });
    expect(again.toString('latin1')).toBe(text);
  });
});

// spec: mixminion-server 4.1
test('everything that a mail can have, in its order', () => {
  const text = mailFor('FROM:Jo Doe\nIN-REPLY-TO:<1@x>\nREFERENCES:<0@x> <1@x>\nSUBJECT:Hi\nX-OTHER:no\n\nHello\n', {
    fromTag: '[Nobody]',
    abuse: 'Tell abuse@exit.example.org, and say what you have seen and when; we read everything',
    comments: 'Short',
    disclaimer:
      'This mail was sent by somebody whom we do not know, through a chain of servers.\nSecond line.\n\nAfter a gap.',
  });
  expect(text).toBe(`To: bob@example.org
From: "[Nobody] Jo Doe" <anon@exit.example.org>
Subject: Hi
In-Reply-To: <1@x>
References: <0@x> <1@x>
X-Anonymous: yes
X-Abuse: Tell abuse@exit.example.org, and say what you have seen and
    when; we read everything
Comments: Short

This mail was sent by somebody whom we do not know, through a chain of
servers.
Second line.

After a gap.

-----BEGIN TYPE III ANONYMOUS MESSAGE-----
Message-type: plaintext

Hello
-----END TYPE III ANONYMOUS MESSAGE-----
`);
});

// spec: mixminion-server 4.1
test('a note says what the armour holds when it is no text', () => {
  const body = (delivery: ExitMessage['delivery'], tag?: Buffer) => {
    const text = writeMail('bob@example.org', message(delivery, tag), style).toString('latin1');
    return text.slice(text.indexOf('\n\n') + 2);
  };
  const payload = Buffer.alloc(28672, 1);
  expect(body({ kind: 'plain', headers: new Map(), body: Buffer.from('a\0b') })).toMatch(
    /base64[^-]*\n\n-----BEGIN.*\nMessage-type: binary\n\nYQBi\n/,
  );
  expect(body({ kind: 'encrypted', payload }, Buffer.alloc(20))).toMatch(
    /not in plaintext[^-]*\n\n-----BEGIN.*\nMessage-type: encrypted\nDecoding-handle: A{27}=\n\n/,
  );
  expect(body({ kind: 'overcompressed', compressed: Buffer.alloc(9) })).toMatch(
    /compressed[^-]*\n\n-----BEGIN.*\nMessage-type: overcompressed\n/,
  );
  expect(body({ kind: 'fragment', payload })).toMatch(/one part[^-]*\n\n-----BEGIN.*\nMessage-type: fragment\n/);
  for (const line of body({ kind: 'encrypted', payload }).split('\n')) expect(line.length).toBeLessThanOrEqual(72);
});

// spec: mixminion-server 4.1; mixminion-e2e 2
describe('what a hostile sender may try', () => {
  const plain = ['To: bob@example.org', 'From: anon@exit.example.org', `Subject: ${style.subject}`, 'X-Anonymous: yes'];
  test.each([
    ['a CR LF and a header in the subject', 'SUBJECT:x\r\nBcc: eve@example.org\n\nbody', plain],
    ['a LF and a header in the subject', 'SUBJECT:x\nBcc: eve@example.org\n\nbody', [...plain].with(2, 'Subject: x')],
    ['a bare CR in the subject', 'SUBJECT:x\rBcc: eve@example.org\n\nbody', plain],
    ['a NUL in the subject', 'SUBJECT:x\0y\n\nbody', plain],
    ['a tab in the subject', 'SUBJECT:x\ty\n\nbody', plain],
    ['letters beyond ASCII', 'SUBJECT:caf\xe9\n\nbody', plain],
    ['a subject that is too long', `SUBJECT:${'x'.repeat(901)}\n\nbody`, plain],
    ['a name that ends its quotes', 'FROM:x" <ceo@example.com>, "y\n\nbody', plain],
    ['a name that escapes its quotes', 'FROM:x\\\n\nbody', plain],
    ['a name in brackets, like a tag', 'FROM:[Real] x\n\nbody', plain],
    ['a name with a colon', 'FROM:group: a, b;\n\nbody', plain],
    ['a name with a CR LF', 'FROM:x\r\nBcc: eve@example.org\n\nbody', plain],
    [
      'an address as a name',
      'FROM:<ceo@example.com>\n\nb',
      [...plain].with(1, 'From: "[Anon] <ceo@example.com>" <anon@exit.example.org>'),
    ],
    ['a header of their own', 'BCC:eve@example.org\n\nbody', plain],
    ['a second recipient', 'TO:eve@example.org\n\nbody', plain],
    ['nothing at all', '', plain],
    ['no block', 'To: eve@example.org\n\nbody', plain],
  ])('%s', (_what, text, head) => {
    expect(headOf(mailFor(text))).toEqual(head);
  });

  test('a name may be forbidden, or too long for a line', () => {
    expect(headOf(mailFor('FROM:Jo\n\nx', { allowFrom: false }))).toEqual(plain);
    const returnAddress = `${'a'.repeat(64)}@${'b.'.repeat(60)}example.org`;
    const from = (length: number) => headOf(mailFor(`FROM:${'x'.repeat(length)}\n\nx`, { returnAddress }))[1] ?? '';
    expect(from(900)).toBe(`From: ${returnAddress}`);
    expect(from(700)).toHaveLength(6 + 9 + 700 + 1 + returnAddress.length + 2);
  });

  test('whatever they write, the head of the mail has these lines and no others', () => {
    const names = fc.constantFrom('FROM', 'SUBJECT', 'REFERENCES', 'IN-REPLY-TO', 'BCC', 'Subject', '');
    const value = fc.oneof(fc.string(), fc.constantFrom('x\r\ny: z', '"', '\\', '\0', 'a\nTo: b'));
    const line = fc.tuple(names, value).map(([name, text]) => `${name}:${text}\n`);
    const text = fc
      .tuple(fc.array(line, { maxLength: 5 }), fc.string())
      .map(([lines, body]) => `${lines.join('')}\n${body}`);
    const allowed = /^(To|From|Subject|In-Reply-To|References|X-Anonymous): [ -~]*$/;
    fc.assert(
      fc.property(text, (written) => {
        const lines = headOf(mailFor(written));
        for (const found of lines) expect(found).toMatch(allowed);
        expect(lines.map((found) => found.split(':')[0])).toEqual([
          ...new Set(lines.map((found) => found.split(':')[0])),
        ]);
        expect(lines[1]).toMatch(/^From: ("\[Anon\] [^"\\]*" <anon@exit\.example\.org>|anon@exit\.example\.org)$/);
      }),
    );
  });

  test('an END line in the text does not end the armour', () => {
    const text = 'before\n-----END TYPE III ANONYMOUS MESSAGE-----\n-- \nafter\n';
    expect(readMessages(Buffer.from(mailFor(`\n${text}`)))).toMatchObject([{ contents: Buffer.from(text) }]);
  });
});

// spec: mixminion-server 4.1, 4.6
test('sizes are whole KiB, 32 at least, and count the text alone', () => {
  expect([0, 1, 32 * 1024, 32 * 1024 + 1, 100 * 1024].map(advertisedSize)).toEqual([32, 32, 32, 33, 100]);
  const small = (delivery: Delivery, maximumSize: number) =>
    delivery.kind !== 'malformed' && fits(message(delivery), { ...style, maximumSize });
  const text = (length: number) =>
    ({ kind: 'plain', headers: new Map([['SUBJECT', 'x']]), body: Buffer.alloc(length) }) as const;
  expect([small(text(32 * 1024), 1), small(text(32 * 1024 + 1), 1)]).toEqual([true, false]);
  expect([small(text(33 * 1024), 32 * 1024 + 1), small(text(33 * 1024 + 1), 32 * 1024 + 1)]).toEqual([true, false]);
  expect(small({ kind: 'overcompressed', compressed: Buffer.alloc(32 * 1024 + 1) }, 1)).toBe(false);
  expect(small({ kind: 'encrypted', payload: Buffer.alloc(28672) }, 1)).toBe(true);
  expect(classifyReassembled(Buffer.from('no zlib stream')).kind).toBe('malformed');
});
