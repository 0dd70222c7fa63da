// Mail for servers that are away: when it is tried again, and the notice that tells its sender that it was in vain.   spec: ima 2.10

import type { Random } from '../../base/random.ts';
import { type Clock, DAY, HOUR, MINUTE } from '../../base/time.ts';
import type { RetrySchedule } from '../../post/retry.ts';
import { compose } from '../compose.ts';
import type { HeldLetter, Letter } from '../letter.ts';
import { type Header, headerOf, senderOf } from '../wire/message.ts';

const REPORT = 'x-ima-report';
/** Recipients that a notice names. */
const MAX_REPORTS = 100;

export const FIRST_WAIT = 5 * MINUTE;
export const SCHEDULE: RetrySchedule = {
  waits: [FIRST_WAIT, 15 * MINUTE, HOUR, 4 * HOUR, 8 * HOUR],
  patience: 5 * DAY,
};

/** For the sender of a message that could not be delivered, from lines as `failureLines` has them; undefined where it was a notice itself. */
export function noticeOf(
  letter: Letter,
  failures: readonly string[],
  { host, clock, random }: { readonly host: string; readonly clock: Clock; readonly random: Random },
): HeldLetter | undefined {
  if (headerOf(letter.head, REPORT) !== undefined) return undefined;
  const reports: Header[] = failures
    .slice(0, MAX_REPORTS)
    .map((line) => ({ name: REPORT, value: line.replace(/^FAIL /, 'failed ') }));
  const text = `Your message could not be delivered:\n\n${failures.map((line) => `  ${line.replace(/^FAIL /, '')}\n`).join('')}`;
  return compose(
    {
      from: `postmaster@${host}`,
      to: [senderOf(letter.head)],
      subject: 'Not delivered',
      references: [letter.head.id],
      extra: reports.length > 0 ? reports : [{ name: REPORT, value: 'failed' }],
      parts: [{ role: 'body', type: 'text/plain', content: Buffer.from(text) }],
    },
    { clock, random },
  );
}
