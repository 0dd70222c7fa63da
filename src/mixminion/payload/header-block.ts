// The header lines in front of a message's text, which its exit server turns into mail headers.   spec: mixminion-e2e 2
//
//   NAME:VALUE LF ... LF text

import { PayloadError } from './errors.ts';

/** Octets of a header value. */
const MAX_VALUE = 900;
const NAME = /^[!-9;-~]+$/;
const VALUE = /^[ -~]*$/;
const UNSAFE_FROM = /["[\]:]/;
const LF = 0x0a;
const COLON = 0x3a;

/** Values by name, upper case: `FROM`, `SUBJECT`, `IN-REPLY-TO`, `REFERENCES` are those that exits know. */
export type MessageHeaders = ReadonlyMap<string, string>;

export interface HeadedMessage {
  readonly headers: MessageHeaders;
  readonly body: Buffer;
  /** What the sender got wrong, if anything: an over-long value that was left out, or a broken block. */
  readonly flaw?: 'value too long' | 'no header block';
}

/**
 * The block for these headers, sorted by name; a single line feed when there are none. Throws PayloadError for a name
 * or value that cannot be sent: values are up to 900 printable ASCII octets, and FROM has no quote, bracket or colon.
 */
export function writeHeaderBlock(headers: MessageHeaders): Buffer {
  const lines = [...headers]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => {
      if (!NAME.test(name)) throw new PayloadError('header', 'a header name has octets that are not allowed');
      if (!VALUE.test(value)) throw new PayloadError('header', `the value of ${name} has octets that are not allowed`);
      if (value.length > MAX_VALUE)
        throw new PayloadError('header', `the value of ${name} is longer than ${MAX_VALUE} octets`);
      if (name === 'FROM' && UNSAFE_FROM.test(value))
        throw new PayloadError('header', 'FROM must not contain a quote, a square bracket or a colon');
      return `${name}:${value}\n`;
    });
  return Buffer.from(`${lines.join('')}\n`, 'latin1');
}

/**
 * Splits a message into headers and text. Never throws: a message whose block breaks off is all text, with the headers
 * read until there.   spec: mixminion-e2e 2
 */
export function parseHeaderBlock(message: Buffer): HeadedMessage {
  const headers = new Map<string, string>();
  let tooLong = false;
  let at = 0;
  while (at < message.length) {
    if (message[at] === LF) {
      const body = message.subarray(at + 1);
      return tooLong ? { headers, body, flaw: 'value too long' } : { headers, body };
    }
    const end = message.indexOf(LF, at);
    const colon = message.indexOf(COLON, at);
    if (colon < 0 || colon > end) break;
    const name = message.toString('latin1', at, colon);
    const value = message.toString('latin1', colon + 1, end);
    if (!NAME.test(name) || !VALUE.test(value)) break;
    if (value.length > MAX_VALUE) tooLong = true;
    else headers.set(name, value);
    at = end + 1;
  }
  return message.length === 0 ? { headers, body: message } : { headers, body: message, flaw: 'no header block' };
}
