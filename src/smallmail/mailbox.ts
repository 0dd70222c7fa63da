// A SmallMail mailbox in the store: its name there, its certificate, its quota and how long it lives.   spec: smallmail 2.9

import { DAY, startOfDay } from '../base/time.ts';
import type { Post } from '../post/post.ts';
import type { Mailbox, Quota } from '../store/store.ts';
import type { SmallMailSettings } from './settings.ts';

export const ID_PREFIX = 'smallmail/';
export const CERTIFICATE = 'certificate';

/** The mailbox's id in the store. */
export function idOf(mailbox: string): string {
  return ID_PREFIX + mailbox;
}

export function quotaOf(settings: SmallMailSettings): Quota {
  return { bytes: settings.mailbox_size, messages: settings.mailbox_messages };
}

/** Only days are kept of any time, so that the store tells nobody when somebody was here.   spec: smallmail 2.9 */
export function expiryAfter(now: number, age: number): number {
  return startOfDay(now) + DAY + age;
}

/** Its owner was here: it lives on, under the quota of today's settings. Writes at most once a day. */
export async function renew(post: Post, settings: SmallMailSettings, mailbox: Mailbox): Promise<void> {
  const expires = expiryAfter(post.clock.now(), settings.mailbox_age);
  const quota = quotaOf(settings);
  const same = mailbox.quota.bytes === quota.bytes && mailbox.quota.messages === quota.messages;
  if (mailbox.expires !== expires || !same) await post.store.mailboxes.change(mailbox.id, { expires, quota });
}
