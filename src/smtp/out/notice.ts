// What a sender reads when his mail did not get there: a delivery status notification (RFC 3464) with words for people, figures for
// programs, and the header of what he wrote. It is from nobody, so that nothing comes back of it.

import { toHex } from '../../base/bytes.ts';
import type { Random } from '../../base/random.ts';
import { mailDate, writeMime } from '../../mail/write-mime.ts';
import { splitMessage } from '../header.ts';

/** Octets of the header that are sent back. */
const MAX_QUOTED = 16 * 1024;
const MAX_WORDS = 400;

export interface Undelivered {
  readonly to: string;
  /** The answer of the other side, or our own words. */
  readonly words: string;
  readonly status?: string | undefined;
  /** The server that gave the answer. */
  readonly server?: string | undefined;
}

export interface NoticeAbout {
  readonly sender: string;
  readonly hostname: string;
  readonly message: Buffer;
  readonly failed: readonly Undelivered[];
  /** When the message was accepted. */
  readonly since: number;
  readonly now: number;
}

export function writeNotice(about: NoticeAbout, random: Random): Buffer {
  const { sender, hostname, message, failed, since, now } = about;
  const list = failed.map(({ to, words }) => `  ${to}\n    ${plain(words)}`).join('\n');
  const text = `Your message of ${mailDate(since)} could not be delivered to\n\n${list}\n\nIt will not be tried again. Its header follows.\n`;
  const perMessage = [`Reporting-MTA: dns; ${hostname}`, `Arrival-Date: ${mailDate(since)}`];
  const groups = failed.map(({ to, words, status, server }) => [
    `Final-Recipient: rfc822; ${to}`,
    'Action: failed',
    `Status: ${statusOf(status, words)}`,
    ...(server === undefined ? [] : [`Remote-MTA: dns; ${server}`]),
    ...(server === undefined ? [] : [`Diagnostic-Code: smtp; ${plain(words)}`]),
  ]);
  const report = [perMessage, ...groups].map((lines) => `${lines.join('\r\n')}\r\n`).join('\r\n');
  const quoted = quotedHeader(message);
  return writeMime(
    [
      ['From', `Mail Delivery System <mailer-daemon@${hostname}>`],
      ['To', sender],
      ['Subject', 'Not delivered: what you sent'],
      ['Date', mailDate(now)],
      ['Message-ID', `<${toHex(random.bytes(16))}@${hostname}>`],
      ['Auto-Submitted', 'auto-replied'], // RFC 3834
    ],
    text,
    [
      { type: 'message/delivery-status', content: Buffer.from(report), bare: true },
      { type: 'text/rfc822-headers', content: quoted, bare: quoted.every((octet) => octet < 0x80) },
    ],
    random,
    'multipart/report; report-type=delivery-status',
  );
}

/** The status that the other side gave, wherever it stands; `5.0.0` when there is none. RFC 3463 */
function statusOf(status: string | undefined, words: string): string {
  const [, said] = /(?:^|[\s-])([245]\.\d{1,3}\.\d{1,3})(?=\s|$)/.exec(words) ?? [];
  const found = status ?? said ?? '5.0.0';
  return found.startsWith('5') ? found : `5${found.slice(1)}`; // it was put off for too long
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
