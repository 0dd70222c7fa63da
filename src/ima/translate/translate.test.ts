// Mail to IMA and back: what each field becomes, files and pictures, what is signed, what goes round.   spec: ima 2.13

import fc from 'fast-check';
import PostalMime from 'postal-mime';
import { expect, test } from 'vitest';
import { systemRandom } from '../../base/random.ts';
import { systemClock } from '../../base/time.ts';
import { compose, type DraftPart } from '../compose.ts';
import { letterOf, wholeOf } from '../letter.ts';
import { type Header, headerOf } from '../wire/message.ts';
import { fromMail, type MailIn } from './from-mail.ts';
import { toMail } from './to-mail.ts';

const tools = { clock: systemClock, random: systemRandom };
const about = { to: 'bob@b.test', from: 'ann@mail.test', mailer: 'smtp-gateway@b.test', judged: false };
const take = (text: string, more: Partial<MailIn> = {}) =>
  fromMail({ ...about, message: Buffer.from(text.replaceAll('\n', '\r\n'), 'latin1'), ...more }, tools);
const parse = (octets: Uint8Array) => PostalMime.parse(octets);

const TEXT: DraftPart = { role: 'body', type: 'text/plain', content: Buffer.from('Hello\n') };

const RELATED = `Received: from far.test by b.test; Sun, 22 Nov 2026 05:00:01 +0000
Authentication-Results: b.test; spf=pass
From: "Ann, of Mail" <ann@mail.test>
To: carl@c.test, Bob <bob@b.test>
Cc: undisclosed:;
Reply-To: desk@mail.test
Subject: =?utf-8?B?R3LDvMOfZQ==?=
Date: Sun, 22 Nov 2026 06:00:00 +0100
Message-ID: <018c2f6e-0000-7000-8000-000000000001@mail.test>
In-Reply-To: <one@b.test>
References: <zero@b.test>
 <one@b.test>
X-Folded: a
 b
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=m

--m
Content-Type: multipart/alternative; boundary=a

--a
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

plain
--a
Content-Type: multipart/related; boundary=r

--r
Content-Type: text/html

<p><img src="cid:pic@x">
--r
Content-Type: image/png; name="p.png"
Content-ID: <pic@x>
Content-Disposition: inline; filename="p.png"
Content-Transfer-Encoding: base64

AAEC
--r--
--a--
--m
Content-Type: application/pdf
Content-Disposition: attachment; filename*=utf-8''%C3%BC.pdf
Content-Transfer-Encoding: base64

AwQF
--m--
`;

test('every field has its place, and each part its role', async () => {
  const letter = await take(RELATED, { judged: true });
  const { head } = letter;
  expect(head).toMatchObject({
    id: '018c2f6e-0000-7000-8000-000000000001@mail.test',
    date: Date.UTC(2026, 10, 22, 5),
    from: 'ann@mail.test',
    mailer: 'smtp-gateway@b.test',
    to: ['carl@c.test', 'bob@b.test'],
    cc: [],
    bcc: [],
  });
  const named = (name: string) => headerOf(head, name);
  expect([named('from-name'), named('subject'), named('reply-to')]).toEqual([
    'Ann, of Mail',
    'Grüße',
    'desk@mail.test',
  ]);
  expect([named('in-reply-to'), named('references')]).toEqual(['one@b.test', 'zero@b.test, one@b.test']);
  expect([named('x-smtp-auth'), named('x-smtp-return-path'), named('x-cid-3')]).toEqual([
    'b.test; spf=pass',
    'ann@mail.test',
    'pic@x',
  ]);
  expect(named('x-smtp-x-folded')?.replace(/\s+/g, ' ')).toBe('a b');
  expect(head.parts.map(({ role, type, name }) => [role, type, name])).toEqual([
    ['body', 'text/plain', undefined],
    ['alt', 'text/html', undefined],
    ['inline', 'image/png', 'p.png'],
    ['attachment', 'application/pdf', 'ü.pdf'],
  ]);
  expect((await wholeOf(letter)).subarray(-6)).toEqual(Buffer.from([0, 1, 2, 3, 4, 5]));

  const back = await parse(await toMail(letter));
  expect(back).toMatchObject({ subject: 'Grüße', from: { name: 'Ann, of Mail', address: 'ann@mail.test' } });
  expect(back.messageId).toBe('<018c2f6e-0000-7000-8000-000000000001@mail.test>');
  expect(back.to?.map(({ address }) => address)).toEqual(['carl@c.test', 'bob@b.test']);
  expect(back.text?.trim()).toBe('plain');
  expect(back.attachments.map(({ filename, contentId }) => [filename, contentId])).toEqual([
    ['p.png', '<pic@x>'],
    ['ü.pdf', undefined],
  ]);
});

test('who is not named is hidden; a writer whom IMA cannot name is shown by the gateway', async () => {
  const letter = await take('From: "odd one"@mail.test\nTo: carl@c.test\nMessage-ID: <x@y>\n\nHi\n');
  expect(letter.head).toMatchObject({ from: 'smtp-gateway@b.test', bcc: ['bob@b.test'], to: ['carl@c.test'] });
  expect(headerOf(letter.head, 'x-smtp-message-id')).toBe('<x@y>');
  expect((await toMail(letter)).toString()).not.toContain('bob@b.test');
});

test('a verdict that the sender wrote himself is none', async () => {
  const letter = await take('From: ann@mail.test\nX-Auth: 1\nAuth: spf=pass\nTo: bob@b.test\n\n');
  expect(headerOf(letter.head, 'x-smtp-auth')).toBeUndefined();
});

test('what is signed or encrypted comes out as it went in', async () => {
  for (const type of ['multipart/signed; boundary=s', 'multipart/encrypted; boundary=s', 'application/pkcs7-mime']) {
    const text = `From: ann@mail.test\nTo: bob@b.test\nContent-Type: ${type}\n\n--s\nContent-Type: text/plain\n\nfrom = here \n--s--\n`;
    const letter = await take(text);
    expect(letter.head.parts.map((part) => part.type)).toEqual(['text/plain', 'message/rfc822']);
    expect(await toMail(letter)).toEqual(Buffer.from(text.replaceAll('\n', '\r\n')));
  }
});

const written = (extra: readonly Header[], parts: readonly DraftPart[] = [TEXT]) =>
  compose({ from: 'alice@b.test', to: ['ann@mail.test'], subject: 'Mine', parts, extra }, tools);

test('nobody sends a whole message in the name of another', async () => {
  const whole = (from: string): DraftPart => {
    const content = Buffer.from(`${from}\nTo: ann@mail.test\nContent-Type: multipart/signed; boundary=s\n\n--s--\n`);
    return { role: 'attachment', type: 'message/rfc822', content };
  };
  const sent = async (from: string) =>
    (await toMail(written([{ name: 'x-smtp-whole', value: '2' }], [TEXT, whole(from)]))).toString();
  expect(await sent('From: "Alice" <Alice@B.test>')).toMatch(/^From: "Alice" <Alice@B\.test>\r\n/);
  const forged = [
    'From: boss@b.test',
    'From: alice@b.test, boss@b.test',
    'From: alice@b.test\nFrom: boss@b.test',
    'X: y',
  ];
  for (const from of forged) expect(await sent(from)).toMatch(/^From: alice@b\.test\r\n[\s\S]*\r\n\r\n[\s\S]*Hello/);
});

test('nothing that is carried along stands beside what the message itself says', async () => {
  const names = 'from sender reply-to to cc bcc date subject in-reply-to references mime-version content-type';
  const extra = names.split(' ').map((name) => ({ name: `x-smtp-${name}`, value: 'boss@b.test' }));
  const mail = (await toMail(written([...extra, { name: 'x-smtp-x-mood', value: 'calm' }]))).toString();
  expect(mail).toContain('X-Mood: calm\r\n');
  expect(mail).not.toContain('boss@b.test');
});

test('text in an unknown charset is a file, octet for octet', async () => {
  const inCharset = (charset: string) =>
    take(
      `From: ann@mail.test\nTo: bob@b.test\nContent-Type: text/plain; charset=${charset}\nContent-Transfer-Encoding: quoted-printable\n\nSch=F6n.\n`,
    );
  const letter = await inCharset('x-klingon');
  expect(letter.head.parts.map(({ role, type, size }) => [role, type, size])).toEqual([
    ['body', 'text/plain', 0],
    ['attachment', 'text/plain', 7],
  ]);
  expect((await wholeOf(letter)).subarray(-7)).toEqual(Buffer.from('Sch\xf6n.\n', 'latin1'));
  for (const charset of ['iso-8859-1', 'cp1252', 'x-cp1252', '"ISO-8859-1"']) {
    expect((await wholeOf(await inCharset(charset))).toString()).toMatch(/\n\nSchön\.\n$/);
  }
});

test('what goes round is stopped; too many fields are dropped from the oldest', async () => {
  await expect(take(`${'Received: x\n'.repeat(51)}From: ann@mail.test\n\n`)).rejects.toMatchObject({ code: 'refused' });
  const many = Array.from({ length: 20 }, (_, at) => `X-F${at}: ${'y'.repeat(3000)}\n`).join('');
  const letter = await take(`${many}From: ann@mail.test\n\n`);
  expect(headerOf(letter.head, 'x-smtp-x-f0')).toBeDefined();
  expect(headerOf(letter.head, 'x-smtp-x-f19')).toBeUndefined();
});

const word = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
  .map((text) => text.normalize('NFC').replace(/[\p{C}\p{Z}]/gu, 'x'));
const file = fc.record({
  name: word.map((text) => text.replace(/["\\/]/g, '_')),
  content: fc.uint8Array({ maxLength: 300 }),
});

test('any letter goes to mail and back with its words and files', async () => {
  await fc.assert(
    fc.asyncProperty(
      word,
      fc.array(word, { maxLength: 8 }),
      fc.array(file, { maxLength: 3 }),
      async (subject, lines, files) => {
        const text = lines.map((line) => `${line}\n`).join('');
        const parts: DraftPart[] = [
          { role: 'body', type: 'text/plain', content: Buffer.from(text) },
          ...files.map(({ name, content }) => ({
            role: 'attachment' as const,
            type: 'application/octet-stream',
            name,
            content,
          })),
        ];
        const letter = compose({ from: 'ann@a.test', to: ['bob@b.test'], subject, parts }, tools);
        const back = await fromMail({ ...about, mailer: 'gw@a.test', message: await toMail(letter) }, tools);
        expect(back.head).toMatchObject({ id: letter.head.id, from: 'ann@a.test', to: ['bob@b.test'] });
        expect(headerOf(back.head, 'subject')).toBe(subject);
        const [body, ...others] = back.head.parts;
        const octets = Buffer.concat(await Array.fromAsync(back.data()));
        expect(octets.subarray(0, body?.size).toString().trimEnd()).toBe(text.trimEnd());
        expect(others.map(({ name, size }) => [name, size])).toEqual(
          files.map(({ name, content }) => [name, content.length]),
        );
        expect(octets.subarray(body?.size)).toEqual(Buffer.concat(files.map(({ content }) => content)));
      },
    ),
    { numRuns: 40 },
  );
});

test('random octets are refused, or become a message', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), async (octets) => {
      const letter = await fromMail({ ...about, message: octets }, tools).catch((error: unknown) => {
        expect(error).toMatchObject({ name: 'ImaError', code: 'refused' });
        return undefined;
      });
      if (letter) expect(letterOf(await wholeOf(letter)).head.mailer).toBe('smtp-gateway@b.test');
    }),
    { numRuns: 100 },
  );
});
