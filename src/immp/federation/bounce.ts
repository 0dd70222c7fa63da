// What a sender reads when his message came back: words for him, and `report.json` for his program.   spec: immp 2.8

import { hash } from 'node:crypto';
import { uuidFrom } from '../auth/secrets.ts';
import type { Delivery } from '../mail/delivery.ts';
import { spooled } from '../spool.ts';
import { imid } from '../wire/imid.ts';

const DAEMON = 'mailer-daemon';

export interface Failure {
  /** The message's UUID. */
  readonly id: string;
  readonly recipient: string;
  /** What the other server said, or one of our own codes. */
  readonly code: string;
  readonly text: string;
  readonly subject: string | undefined;
}

/** To `sender`, in the name of the server of `domain`. The same failure makes the same message. Undefined: nobody can be told. */
export function bounceOf(failure: Failure, sender: string, domain: string): Delivery | undefined {
  const to = imid.read(sender);
  if (to === undefined || isDaemon(sender)) return undefined;
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
      { class: 'attachment', type: 'application/json', name: 'report.json', data: spooled(Buffer.from(report)) },
    ],
    via: [],
  };
}

/** A server itself: what it sends is never answered. */
export function isDaemon(sender: string): boolean {
  return sender.toLowerCase().startsWith(`${DAEMON}@`);
}
