// Opening a message with the reader's keys. Nothing in it vouches for its sender but a signature of his, if there is one.
// spec: cmtp 3, 5, 9 D16, D17, D19, D20

import { PosternError } from '../../base/errors.ts';
import { open, SEAL_OVERHEAD } from '../crypto/box.ts';
import type { KeyPair } from '../crypto/keys.ts';
import { type Message, parseMessage } from '../wire/message.ts';
import type { Address } from './address.ts';
import { type Attachment, readAttachment } from './attachment.ts';
import { type Body, readBody } from './body.ts';
import { ClientError } from './errors.ts';
import { logLines } from './log.ts';
import { isSignature, SIGNATURE_SIZE, verifyParts } from './sender-signature.ts';

export interface OpenMessage extends Body {
  readonly to: Address;
  /** Whoever the message says it is from; the empty account is a server. */
  readonly from: Address;
  /** What servers on the way say that they did. Nobody vouches for it. */
  readonly log: readonly string[];
  readonly attachments: readonly Attachment[];
  /** Of `from`: `unknown` when his key is not at hand to check it. */
  readonly signature: 'none' | 'good' | 'bad' | 'unknown';
}

/** Gives the Ed25519 key of a sender, if it can be had. */
export type KeyOf = (sender: Address) => Promise<Uint8Array | undefined>;

/** Opens a whole message with the first of `pairs` that fits. Throws ClientError `unreadable`. */
export async function openMessage(octets: Uint8Array, pairs: readonly KeyPair[], keyOf: KeyOf): Promise<OpenMessage> {
  const { log, signed, ...parts } = openParts(octets, pairs);
  const { to, from, body, files } = parts;
  let signature: OpenMessage['signature'] = 'none';
  if (signed !== undefined) {
    const key = await keyOf(from);
    const isGood = key && verifyParts(signed, parts, key);
    signature = key === undefined ? 'unknown' : isGood ? 'good' : 'bad';
  }
  return {
    to,
    from,
    log: logLines(log),
    ...readBody(body),
    attachments: files.map(readAttachment),
    signature,
  };
}

/** Like `openMessage`, with everything as it was written: the parts, the log, and the signature, if there is one. */
export function openParts(
  octets: Uint8Array,
  pairs: readonly KeyPair[],
): { to: Address; from: Address; body: Buffer; files: Buffer[]; log: Buffer; signed: Buffer | undefined } {
  const message = parse(octets);
  const { to, from, log } = message;
  const [body, ...attached] = unsealed(message, pairs);
  const files = attached.filter((file) => !isSignature(file));
  return { to, from, body, files, log, signed: attached.find(isSignature) };
}

export interface Glance extends Body {
  readonly from: Address;
  /** Files, the signature not among them. */
  readonly attached: number;
  /** There is a signature; whose, is not looked at. */
  readonly signed: boolean;
}

/** What a list shows of a message: its files stay sealed. Throws ClientError `unreadable`. */
export function glanceAt(octets: Uint8Array, pairs: readonly KeyPair[]): Glance {
  const message = parse(octets);
  const likeSignature = message.attachments.filter((file) => file.length === SIGNATURE_SIZE + SEAL_OVERHEAD);
  const [body, ...files] = unsealed({ ...message, attachments: likeSignature }, pairs);
  const signed = files.some(isSignature);
  return { ...readBody(body), from: message.from, attached: message.attachments.length - (signed ? 1 : 0), signed };
}

function parse(octets: Uint8Array): Message {
  try {
    return parseMessage(octets);
  } catch (cause) {
    throw new ClientError('unreadable', 'this message is damaged', { cause });
  }
}

function unsealed(message: Message, pairs: readonly KeyPair[]): [Buffer, ...Buffer[]] {
  if (message.version === 0) return [message.body, ...message.attachments]; // spec: cmtp 9 D18
  if (message.version !== 1) throw new ClientError('unreadable', `a message of the unknown version ${message.version}`);
  for (const pair of pairs) {
    try {
      return [open(message.body, pair), ...message.attachments.map((file) => open(file, pair))];
    } catch (error) {
      if (!(error instanceof PosternError)) throw error;
    }
  }
  throw new ClientError('unreadable', 'no key here opens this message', {
    remedy: 'was it sealed to a key of before? Bring that one in: postern cmtp key import',
  });
}
