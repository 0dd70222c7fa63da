// A stored message as RFC 5322 and MIME, streamed: what FETCH without +JSON gives.   spec: immp 2.9

import { mailDate } from '../../mail/write-mime.ts';
import type { Envelope, Head, PartInfo } from './message.ts';

const CRLF = '\r\n';
/** Octets that make up whole lines of 76 base64 digits. */
const LINES = 57 * 256;

export type PartOctets = (part: PartInfo) => AsyncIterable<Buffer>;

/** The whole message; what a header or a file name holds cannot break out of its place. */
export async function* mimeOf({ envelope, parts }: Head, octets: PartOctets): AsyncGenerator<Buffer, void, void> {
  yield Buffer.from(headers(envelope));
  const contents = parts.filter((part) => part.class === 'content');
  const others = parts.filter((part) => part.class !== 'content');
  const only = contents[0] ?? others[0];
  if (only !== undefined && parts.length === 1) {
    yield* section(only, octets);
    return;
  }
  const outer = `=_mixed_${envelope.uuid}`;
  yield Buffer.from(`Content-Type: multipart/mixed; boundary="${outer}"${CRLF}${CRLF}`);
  if (contents.length > 1) {
    const inner = `=_alternative_${envelope.uuid}`;
    yield Buffer.from(`--${outer}${CRLF}Content-Type: multipart/alternative; boundary="${inner}"${CRLF}${CRLF}`);
    yield* sections(contents, inner, octets);
  } else {
    for (const part of contents) yield* bounded(part, outer, octets);
  }
  yield* sections(others, outer, octets);
}

async function* sections(parts: readonly PartInfo[], boundary: string, octets: PartOctets) {
  for (const part of parts) yield* bounded(part, boundary, octets);
  yield Buffer.from(`--${boundary}--${CRLF}`);
}

async function* bounded(part: PartInfo, boundary: string, octets: PartOctets) {
  yield Buffer.from(`--${boundary}${CRLF}`);
  yield* section(part, octets);
}

async function* section(part: PartInfo, octets: PartOctets) {
  const head = [
    `Content-Type: ${plain(part.type)}`,
    'Content-Transfer-Encoding: base64',
    ...(part.class === 'content' ? [] : [`Content-Disposition: ${part.class}; ${fileName(part.name)}`]),
  ];
  yield Buffer.from(`${head.join(CRLF)}${CRLF}${CRLF}`);
  yield* base64(octets(part));
}

async function* base64(chunks: AsyncIterable<Buffer>) {
  let held = Buffer.alloc(0);
  const lines = (data: Buffer) => Buffer.from(data.toString('base64').replace(/.{1,76}/g, `$&${CRLF}`));
  for await (const chunk of chunks) {
    held = Buffer.concat([held, chunk]);
    const whole = held.length - (held.length % LINES);
    if (whole > 0) yield lines(held.subarray(0, whole));
    held = held.subarray(whole);
  }
  if (held.length > 0) yield lines(held);
}

function headers(envelope: Envelope): string {
  const { uuid, origin, from, to, subject, date, received, secure } = envelope;
  const fields: (readonly [string, string | undefined])[] = [
    ['From', from ?? `"" <mailer-daemon@${origin}>`],
    ['To', envelope['addressed-to']?.join(', ') ?? to],
    ['Cc', envelope.cc?.join(', ')],
    ['Reply-To', envelope['reply-to']],
    ['Subject', subject],
    ['Date', mailDate(Date.parse(date ?? received))],
    ['Message-ID', `<${uuid}@${origin}>`],
    ['In-Reply-To', envelope['in-reply-to']],
    ['References', envelope.references?.join(' ')],
    ['X-IMMP-Recipient', to],
    ['X-IMMP-Secure', secure ? 'yes' : undefined],
    ['MIME-Version', '1.0'],
  ];
  return fields.flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${words(value)}${CRLF}`])).join('');
}

/** RFC 2047 for what is not plain ASCII. */
function words(value: string): string {
  const line = plain(value);
  if (/^[\x20-\x7e]*$/.test(line)) return line;
  const pieces = line.toWellFormed().match(/.{1,10}/gsu) ?? []; // at most 40 octets each
  return pieces.map((piece) => `=?utf-8?B?${Buffer.from(piece).toString('base64')}?=`).join(`${CRLF} `);
}

/** Without control characters, so that a value stays in its line. */
function plain(value: string): string {
  return value.replace(/\p{Cc}+/gu, ' ').trim();
}

function fileName(name: string): string {
  if (/^[\x20-\x7e]*$/.test(name)) return `filename="${name.replace(/["\\]/g, '\\$&')}"`;
  const escaped = encodeURIComponent(name.toWellFormed()).replace(
    /['()*]/g,
    (mark) => `%${mark.charCodeAt(0).toString(16)}`,
  );
  return `filename*=utf-8''${escaped}`;
}
