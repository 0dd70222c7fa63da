// What a sender reads when his message came back: words for him, and `report.json` for his program.   spec: immp 2.8

import { hash } from 'node:crypto';
import * as z from 'zod';
import { uuidFrom } from '../auth/secrets.ts';
import type { Delivery } from '../mail/delivery.ts';
import { spooled } from '../spool.ts';
import { type Imid, imid } from '../wire/imid.ts';
import { uuid } from '../wire/kind.ts';

const DAEMON = 'mailer-daemon';
const REPORT = 'report.json';
const MAX_REPORT = 16 * 1024;

const reportShape = z.object({
  id: z.string().refine((text) => uuid.read(text) !== undefined),
  recipient: z.string().max(512),
  code: z.string().regex(/^[47][0-9]{2}$/),
  text: z
    .string()
    .max(200)
    .regex(/^\P{Cc}*$/u),
});

export type Report = z.infer<typeof reportShape>;

export interface Failure {
  /** The message's UUID. */
  readonly id: string;
  readonly recipient: string;
  /** What the other server said, or one of our own codes. */
  readonly code: string;
  readonly text: string;
  readonly subject: string | undefined;
}

/**
 * Who hears what became of a message: its sender; who does not say his name, through the server of his domain. Undefined for what
 * servers say themselves.
 */
export function readerOf(from: string | null | undefined, origin: string): string | undefined {
  if (from === null || from === undefined) return `${DAEMON}@${origin}`;
  return isDaemon(from) ? undefined : from;
}

/** To `reader`, in the name of the server of `domain`. The same failure makes the same message. Undefined: nobody can be told. */
export function bounceOf(failure: Failure, reader: string, domain: string): Delivery | undefined {
  const to = imid.read(reader);
  if (to === undefined) return undefined;
  const { id, recipient, code, text, subject } = failure;
  const words =
    `Your message to ${recipient} was not delivered.\n\n${code} ${text}\n` +
    (subject === undefined ? '' : `\nIts subject was: ${subject}\n`);
  const report = JSON.stringify({ id, recipient, code, text });
  return {
    to,
    from: `${DAEMON}@${domain}`,
    sender: undefined,
    origin: domain,
    id: uuidFrom(hash('sha256', ['bounce', id, recipient].join('\0'), 'buffer').subarray(0, 16)),
    said: { subject: `Not delivered: ${subject ?? recipient}`, 'in-reply-to': id },
    importance: undefined,
    secure: false,
    parts: [
      { class: 'content', type: 'text/plain; charset=utf-8', name: 'words', data: spooled(Buffer.from(words)) },
      { class: 'attachment', type: 'application/json', name: REPORT, data: spooled(Buffer.from(report)) },
    ],
    via: [],
  };
}

/** A server itself: what it sends is never answered. */
export function isDaemon(sender: string): boolean {
  return sender.toLowerCase().startsWith(`${DAEMON}@`);
}

/** What one server says to another of a message whose sender it does not know. */
export function isNotice(to: Imid, from: string | undefined): boolean {
  return to.local.toLowerCase() === DAEMON && from !== undefined && isDaemon(from);
}

/** Undefined when there is none, or nothing that could be one. */
export async function readReport({ parts }: Pick<Delivery, 'parts'>): Promise<Report | undefined> {
  const data = parts.find(({ name }) => name === REPORT)?.data;
  if (data === undefined || data.size > MAX_REPORT) return undefined;
  try {
    const octets = Buffer.concat(await Array.fromAsync(data.chunks()));
    return reportShape.parse(JSON.parse(octets.toString('utf8')));
  } catch {
    return undefined;
  }
}
