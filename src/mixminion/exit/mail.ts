// The mail that leaves an exit, octet for octet. Lines end in LF; whoever carries it makes them CR LF. Date, Message-ID
// and MIME headers are left out: they would say more about this server than about the message.   spec: mixminion-server 4.1

import type { DeliveryFields } from '../directory/descriptor-fields.ts';
import { deliveredMessage } from '../payload/delivery.ts';
import type { MessageHeaders } from '../payload/header-block.ts';
import { writeMessage } from '../payload/text.ts';
import type { ExitMessage } from './module.ts';
import { wrap } from './wrap.ts';

const WIDTH = 70;
const INDENT = '    ';
const KIBI = 1024;
/** No advertised size is below this.   spec: mixminion-server 4.6 */
const LEAST_SIZE = 32; // KiB
/** Characters of a header line. (RFC 5322, 2.1.1) */
const MAX_LINE = 998;
/** What would end a quoted name, or make readers of old mail programs see an address in it. */
const UNSAFE_FROM = /["[\]:\\]/;

/** What the operator settled about outgoing mail. Header texts are printable ASCII. */
export interface MailStyle {
  /** Stands in `From:` and is the envelope's sender. */
  readonly returnAddress: string;
  readonly allowFrom: boolean;
  /** Stands in front of a sender's chosen name, which may not be taken for a real one. */
  readonly fromTag: string;
  readonly subject: string;
  /** Whom to tell of abuse, a comment, a text above the message; '' leaves it out. */
  readonly abuse: string;
  readonly comments: string;
  readonly disclaimer: string;
  /** Octets, as set. */
  readonly maximumSize: number;
}

/** KiB as advertised and as enforced: whole ones, and never below 32.   spec: mixminion-server 4.6 */
export function advertisedSize(octets: number): number {
  return Math.max(LEAST_SIZE, Math.ceil(octets / KIBI));
}

/** What a descriptor says of mail in this style.   spec: mixminion-directory 3.1 */
export function deliveryFields({ maximumSize, allowFrom }: MailStyle): DeliveryFields {
  return { maximumSize: advertisedSize(maximumSize), allowFrom };
}

/** Whether the message may leave: the text behind the header block counts, or all octets where there is no text. */
export function fits({ delivery }: ExitMessage, { maximumSize }: MailStyle): boolean {
  const octets = deliveredMessage(delivery)?.contents.length ?? 0;
  return octets <= advertisedSize(maximumSize) * KIBI;
}

/** The mail for a message, headers and body. `to` is a mailbox. */
export function writeMail(to: string, message: ExitMessage, style: MailStyle): Buffer {
  const { delivery, tag } = message;
  const contents = deliveredMessage(delivery, tag);
  const headers: MessageHeaders = delivery.kind === 'plain' ? delivery.headers : new Map();
  const reference = (name: string, from: string) => {
    const value = headers.get(from);
    return value === undefined ? [] : [`${name}: ${value}`];
  };
  const lines = [
    `To: ${to}`,
    `From: ${fromLine(headers.get('FROM'), style)}`,
    `Subject: ${headers.get('SUBJECT') ?? style.subject}`,
    ...reference('In-Reply-To', 'IN-REPLY-TO'),
    ...reference('References', 'REFERENCES'),
    'X-Anonymous: yes',
    ...header('X-Abuse', style.abuse),
    ...header('Comments', style.comments),
    '',
    ...paragraphs(style.disclaimer),
    ...NOTES[contents?.type ?? 'plaintext'],
  ];
  const head = Buffer.from(`${lines.join('\n')}\n`, 'latin1');
  return contents === undefined ? head : Buffer.concat([head, writeMessage(contents)]);
}

/** What stands above an armoured message that is no readable text. */
const NOTES = {
  plaintext: [],
  // The words of the original program: a mail should not tell which program its exit ran.
  encrypted: [
    "This message is not in plaintext.  It's either 1) a reply; 2) a forward",
    'message encrypted to you; or 3) junk.',
    '',
  ],
  overcompressed: [
    'This message was left compressed, because it grows more than twentyfold',
    'when it is inflated. Be careful with it.',
    '',
  ],
  binary: ['This message is encoded in base64, because it has characters that cannot', 'be printed.', ''],
  fragment: [
    'This is one part of a longer message, encoded in base64. A Type III client',
    'puts the parts together.',
    '',
  ],
} as const;

/** A name from the sender, tagged and quoted, if it can be nothing but a name. */
function fromLine(name: string | undefined, { allowFrom, fromTag, returnAddress }: MailStyle): string {
  if (name === undefined || !allowFrom || UNSAFE_FROM.test(name)) return returnAddress;
  const named = `"${fromTag} ${name}" <${returnAddress}>`;
  return 'From: '.length + named.length <= MAX_LINE ? named : returnAddress;
}

function header(name: string, text: string): string[] {
  return text === '' ? [] : wrap(`${name}: ${text}`, WIDTH, INDENT);
}

/** Each line of the text wrapped for itself, and an empty one behind them all. */
function paragraphs(text: string): string[] {
  if (text.trim() === '') return [];
  const lines = text.trim().split('\n');
  return [...lines.flatMap((line) => (line.trim() === '' ? [''] : wrap(line, WIDTH))), ''];
}
