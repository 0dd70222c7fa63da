// Takes a MIME message apart, within limits. Whatever is in it was written by somebody else.

import { isAscii } from 'node:buffer';
import PostalMime, { type Email } from 'postal-mime';
import { asBuffer } from '../base/bytes.ts';
import { MailError } from './errors.ts';

const MAX_HEADERS = 64 * 1024;
const MAX_NESTING = 16;
const MAX_FILES = 256;
const MAX_NAME = 100;
const CR = 0x0d;
const LF = 0x0a;
/** Which fields make a text a mail. */
const MAIL_FIELDS = /^(from|to|subject|date|message-id|mime-version|content-type):/im;
/** What a message may say of its content and still be nothing but text. */
const PLAIN: Readonly<Record<string, RegExp>> = {
  'content-type': /^text\/plain(?:; ?charset="?(?:utf-8|us-ascii)"?)?$/i,
  'content-transfer-encoding': /^[78]bit$/i,
  'content-language': /^/,
};

export interface MailFile {
  /** Safe to save under: no folder, no control characters, at most 100 characters. */
  readonly name: string;
  readonly type: string;
  readonly content: Buffer;
}

export interface Mail {
  /** The first field of that name as it stands there, unfolded; empty when there is none. The name in lower case. */
  field(name: string): string;
  readonly subject: string;
  /** Milliseconds since 1970; undefined when there is none, or none that can be read. */
  readonly date: number | undefined;
  readonly messageId: string;
  /** The plain text, lines ended by LF. */
  readonly text: string;
  /** All that is not the text. HTML is among them: it is for saving, not for showing. */
  readonly files: readonly MailFile[];
}

/** True for what begins with header fields as mail has them. */
export function looksLikeMail(octets: Buffer): boolean {
  const start = octets.subarray(0, MAX_HEADERS).toString('latin1');
  const head = start.split(/\r?\n\r?\n/, 1)[0] ?? '';
  return /^[!-9;-~]+:/.test(head) && MAIL_FIELDS.test(head);
}

/** Header of at most 64 KiB, nesting of at most 16; the first 256 files are kept. Throws MailError. */
export async function readMime(octets: Uint8Array): Promise<Mail> {
  const mail = (await readPlain(asBuffer(octets))) ?? (await parse(octets));
  const date = Date.parse(mail.date ?? '');
  return {
    field: (name) => mail.headers.find(({ key }) => key === name)?.value.trim() ?? '',
    subject: mail.subject ?? '',
    date: Number.isNaN(date) ? undefined : date,
    messageId: mail.messageId ?? '',
    text: (mail.text ?? '').replaceAll('\r\n', '\n'),
    files: filesOf(mail),
  };
}

async function parse(octets: Uint8Array): Promise<Email> {
  try {
    return await PostalMime.parse(octets, {
      maxHeadersSize: MAX_HEADERS,
      maxNestingDepth: MAX_NESTING,
      forceRfc822Attachments: true,
    });
  } catch (cause) {
    throw new MailError('mime', 'the message is not put together as mail should be', { cause });
  }
}

/**
 * A message that is nothing but text, which most are: its header by the parser, its text as it stands there. The parser goes
 * through a text line by line and takes more than ten times as long. Undefined for what has to be taken apart.
 */
async function readPlain(octets: Buffer): Promise<Email | undefined> {
  const end = headerEnd(octets);
  if (end === undefined || octets.includes('\r\r')) return undefined; // the parser drops all CRs before an LF
  const mail = await parse(octets.subarray(0, end));
  const body = octets.subarray(end);
  const about = mail.headers.filter(({ key }) => key.startsWith('content-'));
  if (!about.every(({ key, value }) => PLAIN[key]?.test(value)) || (!isAscii(body) && about.some(isAsciiType))) {
    return undefined;
  }
  const text = new TextDecoder().decode(body);
  return { ...mail, text: body.length === 0 || text.endsWith('\n') ? text : `${text}\n` };
}

const isAsciiType = ({ value }: { readonly value: string }) => /us-ascii/i.test(value);

/** Behind the empty line; undefined where there is none, or no header before it. */
function headerEnd(octets: Buffer): number | undefined {
  const start = octets.subarray(0, MAX_HEADERS);
  const ends = ['\n\r\n', '\n\n'].map((end) => [start.indexOf(end), end.length] as const).filter(([at]) => at >= 0);
  const [first] = ends.sort(([a], [b]) => a - b);
  if (start[0] === CR || start[0] === LF) return undefined;
  return first && first[0] + first[1];
}

function filesOf(mail: Email): MailFile[] {
  const files = mail.attachments.slice(0, MAX_FILES).map(({ filename, mimeType, content }, at) => ({
    name: safeName(filename ?? '') || `part-${at + 1}`,
    type: mimeType,
    content: typeof content === 'string' ? Buffer.from(content) : Buffer.from(new Uint8Array(content)),
  }));
  const html =
    mail.html === undefined ? [] : [{ name: 'letter.html', type: 'text/html', content: Buffer.from(mail.html) }];
  return [...html, ...files];
}

/** A name that stays in the folder it is saved in and shows itself as it is. */
function safeName(name: string): string {
  return name
    .replace(/^.*[/\\]/, '')
    .replace(/[\p{Cc}\p{Cf}\u2028\u2029<>:"|?*]/gu, '_')
    .replace(/^\.+/, '')
    .slice(0, MAX_NAME);
}
