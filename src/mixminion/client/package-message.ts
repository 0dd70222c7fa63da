// From a message to the payloads that carry it: header block, compression, fragments, and the seal for a recipient's key.
// spec: mixminion-client-api 6

import { asBuffer } from '../../base/bytes.ts';
import { type Random, systemRandom } from '../../base/random.ts';
import { type Address, exitOf } from '../directory/address.ts';
import { PAYLOAD_LENGTH } from '../packet/layout.ts';
import { compress, isOvercompressed } from '../payload/compress.ts';
import { countPackets as countEncoded, encodeCompressed } from '../payload/encode.ts';
import { sealForward } from '../payload/encrypted-forward.ts';
import { writeHeaderBlock } from '../payload/header-block.ts';
import { parsePayload } from '../payload/payload.ts';
import { writeExitPrefix } from '../payload/server-fragment.ts';
import { ENCRYPTED_OVERHEAD, type Overhead } from '../payload/sizes.ts';
import { Mix3BadArgsError } from './errors.ts';
import { apiFunction } from './translate.ts';

/** Headers that exits put into a mail, each up to 900 printable ASCII octets. */
export interface Headers {
  /** The name of the sender, without quote, bracket or colon: the address stays the exit's. */
  readonly from?: string;
  readonly subject?: string;
  readonly inReplyTo?: string;
  readonly references?: string;
}

/** What one packet carries. */
export interface Payload {
  /** `server-fragment`: for the exit to put together. `random`: noise, for a packet to be dropped. */
  readonly kind: 'singleton' | 'fragment' | 'server-fragment' | 'random';
  /**
   * 20 octets that the recipient needs for an encrypted message. Null otherwise: `generatePacket` draws a tag where the
   * exit type has one, and a reply gets that of its reply block.
   */
  readonly decodingHandle: Buffer | null;
  /** 28672 octets. */
  readonly bytes: Buffer;
  /** Place among the payloads of the message, and their number. */
  readonly index: number;
  readonly total: number;
  /** 20 octets that all fragments of one message share. */
  readonly messageId?: Buffer;
}

export interface MessageOptions {
  readonly headers?: Headers;
  /**
   * Who puts a message of several packets together: its exit server, or (`client`) its reader. Then there is no header
   * block either, and no headers.
   */
  readonly reassembly?: 'server' | 'client';
  /** Told when the message shrinks so much that its reader will have to insist on inflating it. */
  readonly onWarning?: (text: string) => void;
}

export interface PackageOptions extends MessageOptions {
  /** A text stands for its UTF-8 octets. */
  readonly message: string | Uint8Array;
  readonly address: Address;
  /** Padding and message id; the noise of a `drop`. */
  readonly random?: Random;
  /** Session keys of encrypted messages, 16 octets each; `random` when not given. */
  readonly sessionRandom?: Random;
  /** OAEP seeds of encrypted messages, 20 octets for each attempt; `random` when not given. */
  readonly oaepRandom?: Random;
}

/**
 * The payloads of a message, in order: shuffle several before sending, and for a reply have a reply block for each.
 * An address with `recipientKey` makes an encrypted message. To `drop` goes one payload of noise, and no message.
 * Throws Mix3BadArgsError, Mix3UnsupportedError (news).   spec: mixminion-client-api 6
 */
export const packageMessage = apiFunction((options: PackageOptions): Payload[] => {
  const { message, address, random = systemRandom } = options;
  const { sessionRandom = random, oaepRandom = random } = options;
  const plan = planOf(message, address, options);
  if (plan === 'noise')
    return [{ kind: 'random', decodingHandle: null, bytes: random.bytes(PAYLOAD_LENGTH), index: 0, total: 1 }];
  const { compressed, overhead, exitPrefix } = plan;
  const plain = encodeCompressed(compressed, { overhead, exitPrefix, random });
  const key = 'recipientKey' in address ? address.recipientKey : undefined;
  return plain.map((encoded, index) => {
    const found = parsePayload(encoded);
    const sealed = key && sealForward(encoded, key, sessionRandom, oaepRandom);
    return {
      kind: found.kind === 'fragment' && exitPrefix.length > 0 ? 'server-fragment' : found.kind,
      decodingHandle: sealed?.tag ?? null,
      bytes: sealed?.payload ?? encoded,
      index,
      total: plain.length,
      ...(found.kind === 'fragment' ? { messageId: found.messageId } : {}),
    };
  });
});

/** How many packets `packageMessage` makes of a message. Errors as there. */
export const countPackets = apiFunction(
  (message: string | Uint8Array, address: Address, options: MessageOptions = {}): number => {
    const plan = planOf(message, address, options);
    return plan === 'noise' ? 1 : countEncoded(plan.compressed.length, plan.overhead, plan.exitPrefix.length);
  },
);

interface Plan {
  readonly compressed: Buffer;
  readonly overhead: Overhead;
  /** Empty unless the exit is to put several packets together. */
  readonly exitPrefix: Buffer;
}

function planOf(text: string | Uint8Array, address: Address, options: MessageOptions): Plan | 'noise' {
  const { headers = {}, reassembly = 'server' } = options;
  const message = typeof text === 'string' ? Buffer.from(text) : asBuffer(text);
  const block = blockOf(headers);
  if (address.type === 'drop') {
    if (message.length > 0 || block.length > 1) throw new Mix3BadArgsError('a packet to be dropped carries no message');
    return 'noise';
  }
  const raw = reassembly === 'client'; // spec: mixminion-e2e 2
  if (raw && block.length > 1) throw new Mix3BadArgsError('headers are for an exit server that reads the message');
  const exit = address.type === 'reply' ? undefined : exitOf(address);
  const encrypted = 'recipientKey' in address && address.recipientKey !== undefined;
  const whole = raw ? message : Buffer.concat([block, message]);
  const compressed = compress(whole);
  // spec: mixminion-e2e 3.1
  if (isOvercompressed(whole.length, compressed.length))
    options.onWarning?.('the message shrinks so much that its reader will be asked whether it is a trap');
  return {
    compressed,
    overhead: encrypted ? ENCRYPTED_OVERHEAD : 0,
    // spec: mixminion-e2e 6.4
    exitPrefix:
      raw || encrypted || exit === undefined
        ? Buffer.alloc(0)
        : writeExitPrefix({ type: exit.routingType, info: exit.routingInfo }),
  };
}

/** spec: mixminion-e2e 2 */
function blockOf({ from, subject, inReplyTo, references }: Headers): Buffer {
  const named = { FROM: from, SUBJECT: subject, 'IN-REPLY-TO': inReplyTo, REFERENCES: references };
  return writeHeaderBlock(
    new Map(Object.entries(named).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]))),
  );
}
