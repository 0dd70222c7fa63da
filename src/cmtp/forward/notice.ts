// What a sender reads when his message came back: from the server itself, sealed to him.   spec: cmtp 9 D12

import type { Random } from '../../base/random.ts';
import { SECOND } from '../../base/time.ts';
import { writeBody } from '../client/body.ts';
import { seal } from '../crypto/box.ts';
import { formatMessage } from '../wire/message.ts';
import type { Place } from '../wire/names.ts';

export interface Notice {
  readonly to: Place;
  /** Who was written to. */
  readonly about: Place;
  /** A sentence. */
  readonly reason: string;
  /** The domain of the server that says so. */
  readonly domain: string;
  /** The Ed25519 key of `to`. */
  readonly key: Uint8Array;
  readonly now: number;
  readonly random: Random;
}

/** A whole message. Throws SealError `bad-key`. */
export function writeNotice({ to, about, reason, domain, key, now, random }: Notice): Buffer {
  const recipient = `${about.account}@${about.domain}`;
  const body = writeBody({
    date: Math.floor(now / SECOND),
    subject: `Not delivered: ${recipient}`,
    replyTo: '',
    copies: [],
    text: `A message from your address to ${recipient} was not delivered.\n${reason}\n`,
  });
  const from = { account: '', domain };
  return formatMessage({ version: 1, to, from, log: Buffer.alloc(0), body: seal(body, key, random), attachments: [] });
}
