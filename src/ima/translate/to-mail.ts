// An IMA message as RFC 5322.   spec: ima 2.13

import MailComposer from 'nodemailer/lib/mail-composer';
import PostalMime, { addressParser } from 'postal-mime';
import type { Letter } from '../letter.ts';
import { type Head, headerOf } from '../wire/message.ts';
import { sameForm } from '../wire/names.ts';
import { MAX_HEADERS, TAKEN, WHOLE } from './from-mail.ts';

/** Never restored: what the message itself says, and what only those who saw it on its way could say. */
const NOT_RESTORED =
  /^(?:whole|message-id|return-path|sender|auth|content-.*|dkim-signature|arc-.*|authentication-results)$/;

const CARRIED = 'x-smtp-';

/** The whole message with CR LF. What was signed or encrypted comes out as it went in. */
export async function toMail(letter: Letter): Promise<Buffer> {
  const contents = await partContents(letter);
  const whole = Number(headerOf(letter.head, WHOLE) ?? '0');
  const { head } = letter;
  const untouched = contents[whole - 1];
  if (untouched !== undefined && (await isBy(head.from, untouched))) return crlf(untouched);
  const named = (name: string) => headerOf(head, name);
  const sender = head.mailer !== undefined && head.mailer !== head.from ? head.mailer : undefined;
  const parts = head.parts.map((part, place) => ({
    ...part,
    content: contents[place] ?? Buffer.alloc(0),
    cid: named(`x-cid-${place + 1}`),
  }));
  const body = parts.find(({ role }) => role === 'body');
  const plain = body !== undefined && !/^text\/html\b/i.test(body.type);
  const composer = new MailComposer({
    from: { name: named('from-name') ?? '', address: head.from },
    ...(sender === undefined ? {} : { sender }),
    to: [...head.to],
    cc: [...head.cc],
    ...(named('reply-to') === undefined ? {} : { replyTo: (named('reply-to') ?? '').split(', ') }),
    ...(named('in-reply-to') === undefined ? {} : { inReplyTo: `<${named('in-reply-to')}>` }),
    ...(named('references') === undefined
      ? {}
      : { references: (named('references') ?? '').split(', ').map((id) => `<${id}>`) }),
    subject: named('subject') ?? '',
    date: new Date(head.date),
    messageId: named('x-smtp-message-id') ?? `<${head.id}>`,
    headers: restored(head),
    ...(body === undefined ? {} : plain ? { text: body.content } : { html: body.content }),
    alternatives: parts
      .filter(({ role }) => role === 'alt')
      .map(({ type, content }) => ({ contentType: type, content })),
    attachments: parts
      .filter((part) => part !== body && part.role !== 'alt')
      .map(({ role, type, name, content, cid }) => ({
        ...{ content, contentType: type, filename: name ?? false },
        ...(role === 'inline' && cid !== undefined ? { cid } : {}),
        contentDisposition: role === 'inline' ? 'inline' : 'attachment',
      })),
    newline: '\r\n',
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return composer.compile().build();
}

/** Whoever hands in a whole message may not write it in another's name. */
async function isBy(from: string, message: Buffer): Promise<boolean> {
  const end = /\r?\n\r?\n/.exec(message.toString('latin1', 0, MAX_HEADERS))?.index;
  const { headers } = await PostalMime.parse(message.subarray(0, end));
  const writers = headers.filter(({ key }) => key === 'from').flatMap(({ value }) => addressParser(value));
  return writers.length === 1 && sameForm(writers[0]?.address ?? '') === sameForm(from);
}

function restored(head: Head): { key: string; value: string }[] {
  const received = head.headers.flatMap(({ name, value }) => {
    const [, from, by, at] = name === 'received' ? (/^from=(\S+) by=(\S+) at=(\S+)/.exec(value) ?? []) : [];
    return at === undefined ? [] : [{ key: 'Received', value: `from ${from} by ${by} with IMDP; ${mailTime(at)}` }];
  });
  const carried = head.headers
    .flatMap(({ name, value }) => (name.startsWith(CARRIED) ? [{ name: name.slice(CARRIED.length), value }] : []))
    .filter(({ name }) => !TAKEN.has(name) && !NOT_RESTORED.test(name))
    .map(({ name, value }) => ({ key: fieldName(name), value }));
  return [...received, ...carried];
}

function fieldName(name: string): string {
  return name.replace(/(^|-)([a-z])/g, (_whole, dash: string, letter: string) => dash + letter.toUpperCase());
}

function mailTime(at: string): string {
  const time = new Date(at);
  return Number.isNaN(time.getTime()) ? at : time.toUTCString().replace('GMT', '+0000');
}

async function partContents(letter: Letter): Promise<Buffer[]> {
  const data = Buffer.concat(await Array.fromAsync(letter.data()));
  let at = 0;
  return letter.head.parts.map(({ size }) => {
    at += size;
    return data.subarray(at - size, at);
  });
}

function crlf(octets: Buffer): Buffer {
  return Buffer.from(octets.toString('latin1').replace(/\r\n|\n/g, '\r\n'), 'latin1');
}
