// make-ima-message: a message ready for server-send-mail from a text, attachments and metadata.   spec: ima 1.3, 2.11

import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { compose, type DraftPart } from '../compose.ts';
import { ImaError } from '../errors.ts';
import { octetsOf } from '../letter.ts';
import { isType } from '../wire/parts.ts';
import type { Program } from './program.ts';

const TYPES: Readonly<Record<string, string>> = {
  txt: 'text/plain',
  html: 'text/html',
  pdf: 'application/pdf',
  png: 'image/png',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  zip: 'application/zip',
};

export const makeImaMessage: Program<'make-ima-message'> = {
  name: 'make-ima-message',
  about: 'Writes a message for server-send-mail to standard output.',
  example:
    'make-ima-message --from ann@a.example --to bob@b.example --subject Tomorrow --attach map.png < text | server-send-mail',
  usage: '--from ADDRESS --to ADDRESS[,ADDRESS] [OPTIONS]',
  options: {
    from: { type: 'string' },
    'from-name': { type: 'string' },
    mailer: { type: 'string' },
    to: { type: 'string', multiple: true },
    cc: { type: 'string', multiple: true },
    bcc: { type: 'string', multiple: true },
    subject: { type: 'string' },
    'reply-to': { type: 'string' },
    text: { type: 'string' },
    alt: { type: 'string', multiple: true },
    attach: { type: 'string', multiple: true },
    header: { type: 'string', multiple: true },
  },
  optionHelp: [
    ['--from ADDRESS', 'the writer'],
    ['--from-name NAME', 'the name of the writer'],
    ['--mailer ADDRESS', 'who sends it, where that is somebody else'],
    ['--to, --cc, --bcc ADDRESSES', 'the readers; commas between them, or given again'],
    ['--subject TEXT', 'what it is about'],
    ['--reply-to ID', 'the message that it answers'],
    ['--text FILE', 'the text; - or nothing: standard input'],
    ['--alt TYPE=FILE', 'the same text in another form; may be given again'],
    ['--attach FILE[:TYPE]', 'a file to go along; may be given again'],
    ['--header x-NAME=VALUE', 'a further header; may be given again'],
  ],
  async run({ values, stdin, clock, random, say }) {
    const one = (name: string) => (typeof values[name] === 'string' ? values[name] : undefined);
    const many = (name: string) => (Array.isArray(values[name]) ? (values[name] as string[]) : []);
    const addresses = (name: string) => many(name).flatMap((text) => text.split(/,\s*/));
    const from = one('from');
    if (from === undefined) throw new ImaError('usage', 'who writes it? give --from ADDRESS');
    const text = one('text');
    const body =
      text === undefined || text === '-' ? Buffer.concat(await Array.fromAsync(stdin)) : await readFile(text);
    const letter = compose(
      {
        from,
        fromName: one('from-name'),
        mailer: one('mailer'),
        to: addresses('to'),
        cc: addresses('cc'),
        bcc: addresses('bcc'),
        subject: one('subject'),
        inReplyTo: one('reply-to'),
        extra: many('header').map(extraHeader),
        parts: [
          { role: 'body', type: 'text/plain', content: body },
          ...(await Promise.all(many('alt').map(alternative))),
          ...(await Promise.all(many('attach').map(attachment))),
        ],
      },
      { clock, random },
    );
    for await (const octets of octetsOf(letter)) await say(octets);
    return 0;
  },
};

function extraHeader(text: string) {
  const [, name, value] = /^(x-[a-z0-9-]+)=(.*)$/s.exec(text) ?? [];
  if (name === undefined || value === undefined) throw new ImaError('usage', `${text} is not of the form x-NAME=VALUE`);
  return { name, value };
}

async function alternative(text: string): Promise<DraftPart> {
  const [, type = '', file = ''] = /^([^=]+)=(.+)$/s.exec(text) ?? [];
  if (!isType(type)) throw new ImaError('usage', `${text} is not of the form TYPE=FILE`);
  return { role: 'alt', type, content: await readFile(file) };
}

async function attachment(text: string): Promise<DraftPart> {
  const [, path = text, given] = /^(.+):([a-z]+\/[^/:]+)$/is.exec(text) ?? [];
  const type = given ?? TYPES[path.split('.').at(-1)?.toLowerCase() ?? ''] ?? 'application/octet-stream';
  if (!isType(type)) throw new ImaError('usage', `${type} is no type`);
  return { role: 'attachment', type, name: basename(path), content: await readFile(path) };
}
