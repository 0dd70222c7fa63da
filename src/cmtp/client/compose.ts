// Making a message: a draft sealed to its reader's key, body and each file alone, with the sender's signature when asked for.
// spec: cmtp 3, 5, 9 D14, D16, D17, D18, D19, D20

import type { Random } from '../../base/random.ts';
import { formatSize } from '../../base/text.ts';
import { seal } from '../crypto/box.ts';
import type { KeyPair } from '../crypto/keys.ts';
import { formatMessage } from '../wire/message.ts';
import type { Address } from './address.ts';
import { type Attachment, writeAttachment } from './attachment.ts';
import { writeBody } from './body.ts';
import { ClientError } from './errors.ts';
import { type Parts, signParts } from './sender-signature.ts';

const VERSION = 1;
const MIB = 1024 ** 2;
/** What servers take when they are not told otherwise.   spec: cmtp 9 D14 */
const MAX_BODY = 32 * MIB;
const MAX_ATTACHMENTS = 64;
const MAX_ATTACHED = 64 * MIB;

export interface Draft {
  readonly to: Address;
  readonly from: Address;
  /** Seconds since 1970; undefined: nothing but the text, for readers with the old reference client. */
  readonly date: number | undefined;
  readonly subject: string;
  /** `account@domain`, or empty. */
  readonly replyTo: string;
  readonly copies: readonly string[];
  readonly text: string;
  readonly attachments: readonly Attachment[];
}

export interface Sealing {
  /** Ed25519 key of the reader, 32 octets. */
  readonly recipientKey: Uint8Array;
  /** Whoever is to have signed it; nobody when not given, and then anybody may have written it. */
  readonly signer?: KeyPair | undefined;
  readonly random: Random;
}

/** A whole message, without the word MAIL. Throws ClientError `unsendable`, SealError `bad-key`. */
export function composeMessage(draft: Draft, sealing: Sealing): Buffer {
  const { to, from, attachments } = draft;
  return sealParts({ to, from, body: writeBody(draft), files: attachments.map(writeAttachment) }, sealing);
}

/** As `composeMessage`, of parts that are written already. */
export function sealParts(parts: Parts, { recipientKey, signer, random }: Sealing): Buffer {
  const { to, from, body } = parts;
  const files = [...parts.files, ...(signer === undefined ? [] : [signParts(parts, signer)])];
  limit(body.byteLength, MAX_BODY, 'the text');
  limit(
    files.reduce((sum, { byteLength }) => sum + byteLength, 0),
    MAX_ATTACHED,
    'what is attached',
  );
  if (files.length > MAX_ATTACHMENTS) throw new ClientError('unsendable', `more than ${MAX_ATTACHMENTS} attachments`);
  return formatMessage({
    version: VERSION,
    to,
    from,
    log: Buffer.alloc(0), // spec: cmtp 9 D19
    body: seal(body, recipientKey, random),
    attachments: files.map((file) => seal(file, recipientKey, random)),
  });
}

function limit(size: number, most: number, what: string): void {
  if (size > most)
    throw new ClientError('unsendable', `${what} is ${formatSize(size)} long; ${formatSize(most)} is the most`);
}
