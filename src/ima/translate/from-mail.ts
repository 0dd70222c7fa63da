// An RFC 5322 message as an IMA message.   spec: ima 2.13

import { type Address, type Attachment, addressParser, decodeWords, type Email } from 'postal-mime';
import { asBuffer } from '../../base/bytes.ts';
import { compose, type DraftPart, headerText } from '../compose.ts';
import { ImaError, WireError } from '../errors.ts';
import type { HeldLetter } from '../letter.ts';
import type { Tools } from '../mailbox/folder.ts';
import type { Header } from '../wire/message.ts';
import { hostOf, isAddress, sameForm } from '../wire/names.ts';
import { isType, type Role } from '../wire/parts.ts';
import { MimeReader } from './mime-reader.ts';

export const MAX_HEADERS = 128 * 1024;
const MAX_NESTING = 16;
const MAX_PARTS = 200;
/** Octets of all fields that are carried along; the oldest go first.   spec: ima 2.13 */
const MAX_CARRIED = 32 * 1024;
const MAX_VALUE = 4096;
const MAX_RECEIVED = 50;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}@/i;
/** Signed or encrypted: taken apart, a signature would be lost.   spec: ima 2.13 */
const SEALED = /^(?:multipart\/(?:signed|encrypted)|application\/(?:x-)?pkcs7-mime)\b/i;
/** What lies inside of such, wherever in a message, as below the footer of a list. */
const SEAL = /^application\/(?:pgp-(?:signature|encrypted)|(?:x-)?pkcs7-(?:signature|mime))$/i;
const SEAL_NAME = /\.p7[ms]$/i;
/** Fields that have a header of their own, or describe what is taken apart. */
export const TAKEN: ReadonlySet<string> = new Set([
  'from',
  'to',
  'cc',
  'bcc',
  'date',
  'subject',
  'reply-to',
  'in-reply-to',
  'references',
  'mime-version',
  'return-path',
]);
/** Which part holds a message as a whole. */
export const WHOLE = 'x-smtp-whole';

export interface MailIn {
  readonly message: Uint8Array;
  /** The one recipient that it is translated for. */
  readonly to: string;
  /** The envelope's sender; '' for none. */
  readonly from: string;
  /** By whom the message enters IMA, since it alone has a certificate: `smtp-gateway@host`. */
  readonly mailer: string;
  /** The first Authentication-Results field is our own gateway's. */
  readonly judged: boolean;
}

/** Throws ImaError `refused` for what goes round in circles, or cannot be read as mail. */
export async function fromMail({ message, to, from, mailer, judged }: MailIn, tools: Tools): Promise<HeldLetter> {
  const mail = await parse(message);
  const carried = carriedFields(mail, judged);
  if (carried.filter(({ name }) => name === 'x-smtp-received').length > MAX_RECEIVED)
    throw new ImaError('refused', 'the message goes round in circles');
  const writer = mail.from?.address;
  const recipients = shownTo(mail, to);
  const id = bare(mail.messageId);
  const ownId =
    UUID.test(id) && [mailer, writer ?? ''].some((address) => hostOf(address) === hostOf(id)) ? id : undefined;
  const sealed = isSealed(mail);
  const parts = sealed ? wholeParts(message) : partsOf(mail);
  const extra: Header[] = [
    ...(ownId === undefined && id !== ''
      ? [{ name: 'x-smtp-message-id', value: headerText(mail.messageId ?? '') }]
      : []),
    ...envelope(from),
    ...writersOf(mail),
    ...carried,
    ...(sealed ? [{ name: WHOLE, value: '2' }] : parts.flatMap(contentIdOf)),
  ];
  const replyTo = addressesOf(mail.replyTo ?? []);
  try {
    return compose(
      {
        ...(writer !== undefined && isAddress(writer)
          ? { from: writer, fromName: mail.from?.name }
          : { from: mailer, fromName: mail.from?.name ?? writer }),
        ...{ mailer, id: ownId, ...recipients, parts },
        subject: mail.subject,
        date: dateOf(mail.date),
        replyTo,
        inReplyTo: bare(mail.inReplyTo) || undefined,
        references: (mail.references ?? '')
          .split(/[\s,]+/)
          .map(bare)
          .filter(Boolean)
          .slice(-50),
        extra,
      },
      tools,
    );
  } catch (cause) {
    if (!(cause instanceof WireError)) throw cause;
    throw new ImaError('refused', `the message cannot be carried: ${cause.message}`, { cause });
  }
}

async function parse(message: Uint8Array): Promise<Email> {
  try {
    const limits = { maxHeadersSize: MAX_HEADERS, maxNestingDepth: MAX_NESTING };
    return await new MimeReader({ ...limits, forceRfc822Attachments: true }).parse(message);
  } catch (cause) {
    throw new ImaError('refused', 'the message is not put together as mail should be', { cause });
  }
}

/** All fields without a header of their own, under `x-smtp-`; of what is too much, the oldest, which stand last, are left out. */
function carriedFields(mail: Email, judged: boolean): Header[] {
  const fields: Header[] = [];
  let octets = 0;
  let verdict = judged;
  for (const { key, value } of mail.headers) {
    const name = key.replace(/[^a-z0-9-]/g, '');
    if (TAKEN.has(key) || key === 'message-id' || key.startsWith('content-') || name === '' || name.length > 30)
      continue;
    const isVerdict = verdict && key === 'authentication-results';
    if (isVerdict) verdict = false;
    const field = { name: isVerdict ? 'x-smtp-auth' : `x-smtp-${name}`, value: headerText(value).slice(0, MAX_VALUE) };
    if (field.name === 'x-smtp-auth' && !isVerdict) continue; // a sender's own verdict of himself
    octets += Buffer.byteLength(field.value) + field.name.length + 3;
    if (octets > MAX_CARRIED) break;
    fields.push(field);
  }
  return fields;
}

function envelope(from: string): Header[] {
  return from === '' ? [] : [{ name: 'x-smtp-return-path', value: headerText(from) }];
}

/** Where there are several, all of them.   spec: ima 2.13 */
function writersOf({ headers }: Email): Header[] {
  const written = headers.filter(({ key }) => key === 'from').map(({ value }) => value);
  const all = written.flatMap((value) => addressParser(value));
  return all.length < 2 ? [] : [{ name: 'x-smtp-from', value: headerText(decodeWords(written.join(', '))) }];
}

function shownTo(mail: Email, to: string) {
  const [shown, copied] = [addressesOf(mail.to ?? []), addressesOf(mail.cc ?? [])];
  const named = [...shown, ...copied].some((address) => sameForm(address) === sameForm(to));
  return { to: shown, cc: copied, bcc: named ? [] : [to] };
}

function addressesOf(addresses: readonly Address[]): string[] {
  const flat = addresses.flatMap((one) => (one.group ? one.group : [one]));
  return flat.flatMap(({ address }) => (address !== undefined && isAddress(address) ? [address] : [])).slice(0, 500);
}

interface TranslatedPart extends DraftPart {
  readonly contentId?: string | undefined;
}

function partsOf(mail: Email): TranslatedPart[] {
  const texts: TranslatedPart[] = [];
  if (mail.text !== undefined) texts.push({ role: 'body', type: 'text/plain', content: Buffer.from(lines(mail.text)) });
  if (mail.html !== undefined) {
    texts.push({
      role: texts.length === 0 ? 'body' : 'alt',
      type: 'text/html',
      content: Buffer.from(lines(mail.html)),
    });
  }
  if (texts.length === 0) texts.push({ role: 'body', type: 'text/plain', content: Buffer.alloc(0) });
  return [...texts, ...mail.attachments.slice(0, MAX_PARTS - texts.length).map(filePart)];
}

function filePart({ content, mimeType, filename, contentId, related }: Attachment): TranslatedPart {
  const role: Role = contentId !== undefined && related === true ? 'inline' : 'attachment';
  return {
    ...{ role, type: isType(mimeType) ? mimeType : 'application/octet-stream' },
    name: filename ?? undefined,
    content: typeof content === 'string' ? Buffer.from(content) : Buffer.from(new Uint8Array(content)),
    contentId: role === 'inline' ? bare(contentId) : undefined,
  };
}

function contentIdOf({ contentId }: TranslatedPart, place: number): Header[] {
  return contentId === undefined ? [] : [{ name: `x-cid-${place + 1}`, value: headerText(contentId) }];
}

function wholeParts(message: Uint8Array): TranslatedPart[] {
  const note = 'This message is signed or encrypted. It is attached as it came.\n';
  return [
    { role: 'body', type: 'text/plain', content: Buffer.from(note) },
    { role: 'attachment', type: 'message/rfc822', name: 'message.eml', content: asBuffer(message) },
  ];
}

/** Messages that are attached are not looked into: they stay as they are anyway. */
function isSealed({ headers, attachments }: Email): boolean {
  const type = headers.find(({ key }) => key === 'content-type')?.value.trim() ?? '';
  const seals = attachments.some(({ mimeType, filename }) => SEAL.test(mimeType) || SEAL_NAME.test(filename ?? ''));
  return SEALED.test(type) || seals;
}

function dateOf(text: string | undefined): number | undefined {
  const time = Date.parse(text ?? '');
  return Number.isNaN(time) || time < 0 || time > 253_402_300_799_000 ? undefined : time;
}

function bare(id: string | undefined): string {
  return (id ?? '').trim().replace(/^<|>$/g, '').replace(/[\s,]/g, '');
}

function lines(text: string): string {
  return text.replaceAll('\r\n', '\n');
}
