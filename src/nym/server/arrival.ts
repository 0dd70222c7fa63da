// Mail from the world to a nym: filtered, summed up, sealed, and the plaintext let go.   spec: mixminion-nym 4.1

import { DAY } from '../../base/time.ts';
import { sha1 } from '../../crypto/hash.ts';
import type { Acceptance, Arrival } from '../../post/local-delivery.ts';
import { parseFilter } from '../filter/parse.ts';
import { type Filtered, runFilter } from '../filter/run.ts';
import { MAIL_PADDING, seal } from '../sealing.ts';
import { splitMail, writeSynopsis } from '../synopsis.ts';
import { LONGEST_OPEN } from './curtain.ts';
import type { Desk } from './desk.ts';
import type { NymRecord } from './record.ts';

/** Octets of a MSG command beside the sealed mail: its frame and the id.   spec: mixminion-nym 3 */
export const MSG_FRAME = 24;
/** How long a repeated delivery of one mail is known for what it is. */
const REPEATS = 7 * DAY;

/** The nym of an address; undefined when it is in another domain. */
export function nymOf(address: string, domain: string): string | undefined {
  const at = address.lastIndexOf('@');
  const [local, host] = [address.slice(0, at).toLowerCase(), address.slice(at + 1).toLowerCase()];
  return at > 0 && host === domain ? local : undefined;
}

/** Whether mail for it is taken at all. */
export function takesMail(record: NymRecord | undefined): record is NymRecord {
  return record?.state === 'open';
}

/** Durable when it is `stored`. What the filter discards is `stored` too: a refusal would tell senders the filter.   spec: mixminion-nym 4.1 */
export async function takeMail(desk: Desk, nym: string, arrival: Arrival): Promise<Acceptance> {
  const { post, vault, limits } = desk;
  const record = await vault.record(nym);
  if (!takesMail(record)) return 'unknown';
  const mail = Buffer.from(arrival.message);
  if (mail.length > limits.mailSize) return 'too-large';
  if (!keeps(record, mail, arrival)) {
    desk.count('filtered');
    return 'stored';
  }
  const sealed = seal(record.encryption, mail, MAIL_PADDING, post.random);
  if (sealed.length > limits.quota.bytes) return 'too-large';
  if (!(await makeRoom(desk, nym, record, sealed.length))) return 'full';
  const now = post.clock.now();
  const status = await vault.add(nym, {
    sealed,
    synopsis: writeSynopsis(mail),
    received: now,
    once: Buffer.from(arrival.once ?? sha1(post.random.bytes(20))),
    until: now + REPEATS,
  });
  if (status === 'no-mailbox') return 'unknown';
  if (status === 'stored') {
    const { sendMsgAfter, sendSummaryAfter, encryptSummaryAfter } = record.policy;
    await desk.wake(nym, now + Math.min(sendMsgAfter, sendSummaryAfter, encryptSummaryAfter, LONGEST_OPEN));
  }
  return status;
}

/** A filter that fails keeps the mail.   spec: mixminion-nym 8 */
function keeps({ policy }: NymRecord, mail: Buffer, arrival: Arrival): boolean {
  if (policy.filtering === '') return true;
  const headers = splitMail(mail).headers.map(({ name, value }) => [name.toLowerCase(), value] as const);
  const filtered: Filtered = { headers, envelope: { from: arrival.from, to: arrival.to }, size: mail.length };
  try {
    return runFilter(parseFilter(policy.filtering), filtered);
  } catch {
    return true;
  }
}

/** With `HoldUntilAck = quota`, mail that was sent makes room for new mail, the oldest first.   spec: mixminion-nym 4.6 */
async function makeRoom(desk: Desk, nym: string, record: NymRecord, size: number): Promise<boolean> {
  const { vault } = desk;
  const usage = await vault.usage(nym);
  if (usage === undefined) return false;
  let bytes = usage.used.bytes + size - usage.quota.bytes;
  let messages = usage.used.messages + 1 - usage.quota.messages;
  if (bytes <= 0 && messages <= 0) return true;
  if (record.policy.holdUntilAck !== 'quota') return false;
  const kept = await vault.kept(nym);
  const going: typeof kept = [];
  for (const mail of kept) {
    if (bytes <= 0 && messages <= 0) break;
    going.push(mail);
    bytes -= mail.size;
    messages -= 1;
  }
  if (bytes > 0 || messages > 0) return false;
  const ids = going.map(({ id }) => id);
  await vault.drop(nym, ids);
  await vault.save(nym, { ...record, dropped: [...record.dropped, ...ids.map((id) => id.toString('hex'))] });
  return true;
}
