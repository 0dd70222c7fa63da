// The way of a finished mail: into a mailbox of this office when the address is one of ours, to the relay host otherwise.

import { asBuffer } from '../../base/bytes.ts';
import { MINUTE } from '../../base/time.ts';
import type { Post } from '../../post/post.ts';
import { SmtpRelayError } from '../../smtp/errors.ts';
import { type RelayHost, relayMail } from '../../smtp/relay.ts';
import type { ExitResult } from './module.ts';

const PERMANENT = 500;
/** A relay that was away so many times running is left alone for a while: a long queue would wait for each time-out. */
const PATIENCE = 3;
const REST = 10 * MINUTE;

export interface OutgoingMail {
  readonly to: string;
  /** Envelope sender. */
  readonly from: string;
  /** Lines end in LF. */
  readonly text: Buffer;
  /** Tells one message from another: the same mail is not put into a mailbox twice. */
  readonly id: Uint8Array;
}

/** What came of one attempt. What cannot be said of the mail itself (a relay that is away) is `later`. */
export type SendMail = (mail: OutgoingMail, signal: AbortSignal) => Promise<ExitResult>;

/** `hostname` is what this office calls itself; without a `relay` only local addresses are served. */
export function sendMail(post: Post, hostname: string, relay: RelayHost | undefined): SendMail {
  let failures = 0;
  let restsUntil = 0;
  return async (mail, signal) => {
    if (await post.local.owns(mail.to)) return deliverHere(post, mail);
    if (relay === undefined) return { result: 'later', reason: 'no-relay' };
    if (post.clock.now() < restsUntil) return AWAY;
    const result = await handOver(post, hostname, relay, mail, signal);
    failures = result === AWAY ? failures + 1 : 0;
    if (failures >= PATIENCE) restsUntil = post.clock.now() + REST;
    return result;
  };
}

const AWAY: ExitResult = { result: 'later', reason: 'relay-away' };

async function deliverHere(post: Post, { to, from, text, id }: OutgoingMail): Promise<ExitResult> {
  const acceptance = await post.local.deliver({ to, from, message: withCrLf(text), via: 'mix', once: id });
  switch (acceptance) {
    case 'stored':
    case 'duplicate':
      return { result: 'done', reason: acceptance };
    case 'full':
      return { result: 'later', reason: 'full' };
    case 'unknown':
    case 'too-large':
    case 'refused':
      return { result: 'drop', reason: acceptance };
  }
}

async function handOver(
  { clock }: Post,
  hostname: string,
  relay: RelayHost,
  { to, from, text }: OutgoingMail,
  signal: AbortSignal,
): Promise<ExitResult> {
  try {
    const { refused } = await relayMail({ relay, hostname, from, to: [to], message: text, clock, signal });
    const [refusal] = refused;
    if (refusal === undefined) return { result: 'done', reason: 'relayed' };
    return refusal.code >= PERMANENT ? { result: 'drop', reason: 'refused' } : { result: 'later', reason: 'deferred' };
  } catch (error) {
    if (signal.aborted || !(error instanceof SmtpRelayError)) throw error;
    if (error.code === 'refused') return { result: 'drop', reason: 'refused' };
    return error.code === 'insecure' ? { result: 'later', reason: 'insecure' } : AWAY;
  }
}

/** Every line end, a lone CR too, as CR LF: what an SMTP dialogue makes of them. */
function withCrLf(text: Uint8Array): Buffer {
  return Buffer.from(
    asBuffer(text)
      .toString('latin1')
      .replace(/\r\n|\r|\n/g, '\r\n'),
    'latin1',
  );
}
