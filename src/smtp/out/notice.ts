// What a sender reads of his mail's fate: a delivery status notification (RFC 3464) with words for people, figures for programs, and the
// header of what he wrote, or all of it if he asked for that. It is from nobody, so that nothing comes back of it.

import { toHex } from '../../base/bytes.ts';
import type { Random } from '../../base/random.ts';
import { mailDate, type Part, writeMime } from '../../mail/write-mime.ts';
import { splitMessage } from '../header.ts';
import { type Wishes, wishesFor } from './wishes.ts';

/** Octets of the header that are sent back. */
const MAX_QUOTED = 16 * 1024;
const MAX_WORDS = 400;

/** `delivered` here; `relayed` to a server that says nothing more. RFC 3464 2.3.3 */
type Action = 'failed' | 'delayed' | 'delivered' | 'relayed';

export interface Told {
  readonly to: string;
  readonly action: Action;
  /** The answer of the other side, or our own words. */
  readonly words: string;
  readonly status?: string | undefined;
  /** The server that gave the answer. */
  readonly server?: string | undefined;
}

export interface NoticeAbout {
  readonly sender: string;
  readonly hostname: string;
  /** All of it, or its header at least. */
  readonly message: Buffer;
  /** One at least, and all of one kind: bad, late or good. */
  readonly told: readonly Told[];
  readonly wishes: Wishes;
  /** When the message was accepted. */
  readonly since: number;
  readonly now: number;
  /** How long it is tried, for what is late. */
  readonly until: number;
}

export function writeNotice(about: NoticeAbout, random: Random): Buffer {
  const { sender, hostname, message, told, wishes, since, now, until } = about;
  const list = told.map(({ to, words }) => `  ${to}\n    ${plain(words)}`).join('\n');
  const { subject, begin, end } = wordsFor(about);
  const perMessage = [
    ...(wishes.envelopeId === undefined ? [] : [`Original-Envelope-Id: ${plain(wishes.envelopeId)}`]),
    `Reporting-MTA: dns; ${hostname}`,
    `Arrival-Date: ${mailDate(since)}`,
  ];
  const groups = told.map(({ to, action, words, status, server }) => {
    const { original } = wishesFor(wishes, to);
    return [
      ...(original === undefined ? [] : [`Original-Recipient: ${plain(original)}`]),
      `Final-Recipient: rfc822; ${to}`,
      `Action: ${action}`,
      `Status: ${statusOf(action, status, words)}`,
      ...(server === undefined ? [] : [`Remote-MTA: dns; ${server}`]),
      ...(server === undefined || action === 'relayed' ? [] : [`Diagnostic-Code: smtp; ${plain(words)}`]),
      ...(action === 'delayed' ? [`Will-Retry-Until: ${mailDate(until)}`] : []),
    ];
  });
  const report = [perMessage, ...groups].map((lines) => `${lines.join('\r\n')}\r\n`).join('\r\n');
  return writeMime(
    [
      ['From', `Mail Delivery System <mailer-daemon@${hostname}>`],
      ['To', sender],
      ['Subject', subject],
      ['Date', mailDate(now)],
      ['Message-ID', `<${toHex(random.bytes(16))}@${hostname}>`],
      ['Auto-Submitted', 'auto-replied'], // RFC 3834
    ],
    `Your message of ${mailDate(since)} ${begin}\n\n${list}\n\n${end}\n`,
    [{ type: 'message/delivery-status', content: Buffer.from(report), bare: true }, quoted(message, wishes, told)],
    random,
    'multipart/report; report-type=delivery-status',
  );
}

function wordsFor({ told: [first], until }: NoticeAbout): Readonly<Record<'subject' | 'begin' | 'end', string>> {
  switch (first?.action) {
    case 'delayed':
      return {
        subject: 'Not delivered yet: what you sent',
        begin: 'could not be delivered yet to',
        end: `There is nothing to do: it is tried until ${mailDate(until)}, and you hear of it when that was in vain. Its header follows.`,
      };
    case 'delivered':
    case 'relayed':
      return {
        subject: 'Delivered: what you sent',
        begin: 'is in the hands of who keeps the mail of, or of a server on the way to,',
        end: 'Its header follows.',
      };
    default:
      return {
        subject: 'Not delivered: what you sent',
        begin: 'could not be delivered to',
        end: 'It will not be tried again. What you sent, or its header, follows.',
      };
  }
}

/** All of the message only about what failed, if it was asked for and is plain enough to stand in another. RFC 3461 4.3, 6.2 */
function quoted(message: Buffer, { ret }: Wishes, [first]: readonly Told[]): Part {
  const isAscii = (octets: Buffer) => octets.every((octet) => octet < 0x80);
  if (ret === 'FULL' && first?.action === 'failed' && isAscii(message)) {
    return { type: 'message/rfc822', content: message, bare: true };
  }
  const header = quotedHeader(message);
  return { type: 'text/rfc822-headers', content: header, bare: isAscii(header) };
}

/** The status that the other side gave, wherever it stands, in the class that the outcome has now. RFC 3463 */
function statusOf(action: Action, status: string | undefined, words: string): string {
  const [, said] = /(?:^|[\s-])([245]\.\d{1,3}\.\d{1,3})(?=\s|$)/.exec(words) ?? [];
  const kind = action === 'failed' ? '5' : action === 'delayed' ? '4' : '2';
  return `${kind}${(status ?? said ?? '5.0.0').slice(1)}`;
}

function quotedHeader(message: Buffer): Buffer {
  const { fields } = splitMessage(message);
  const kept: Buffer[] = [];
  let size = 0;
  for (const { octets } of fields) {
    size += octets.length;
    if (size > MAX_QUOTED) break;
    kept.push(octets);
  }
  return Buffer.concat(kept);
}

/** One line of printable ASCII. */
function plain(words: string): string {
  return words
    .replace(/[^\x20-\x7e]+/g, ' ')
    .trim()
    .slice(0, MAX_WORDS);
}
