// What came to a recipient: armoured mail or bare payloads, decoded with the keys and secrets at hand, and the messages
// inside.   spec: mixminion-client-api 9

import { asBuffer } from '../../base/bytes.ts';
import type { RsaPrivateKey } from '../../crypto/rsa.ts';
import { endOfFirstBlock } from '../packet/armor.ts';
import { PAYLOAD_LENGTH } from '../packet/layout.ts';
import { assembleFragments as assemble } from '../payload/assemble.ts';
import { decompress, reassembledLimit, singletonLimit } from '../payload/compress.ts';
import { decodePayload } from '../payload/decode.ts';
import { parseHeaderBlock } from '../payload/header-block.ts';
import { type Payload, recognizePayload } from '../payload/payload.ts';
import { type AnonymousMessage, readMessages } from '../payload/text.ts';
import { Mix3BadArgsError, Mix3BadFormatError, Mix3OvercompressedError, Mix3UndecodableError } from './errors.ts';
import type { SurbSecret } from './surb-secret.ts';
import { apiFunction, asApi } from './translate.ts';

/** A payload with the decoding handle that came along, 20 octets. */
export interface TaggedPayload {
  readonly tag?: Uint8Array;
  readonly payload: Uint8Array;
}

export interface DecodeOptions {
  /** Whether the input is armoured text; when not given, strings are. A string stands for its UTF-8 octets. */
  readonly text?: boolean;
  /** The recipient's own keys, tried in turn on encrypted messages. */
  readonly keys?: readonly RsaPrivateKey[];
  /** The secrets of reply blocks: all of them, expired ones too. */
  readonly secrets?: readonly SurbSecret[];
}

export interface MessageReading {
  /** Inflates without a limit what is beyond it. */
  readonly force?: boolean;
  /** Takes off the header block that replies and encrypted messages begin with. */
  readonly stripHeaders?: boolean;
}

/** What a packet was, as far as its kind says how to read it. */
type Contents =
  | Payload
  /** As its exit delivered it: a readable message, or one that would have inflated too far. */
  | { readonly kind: 'message'; readonly message: Buffer }
  | { readonly kind: 'overcompressed'; readonly compressed: Buffer };

/** Whose it was: a place in the arrays that were given. */
interface Reader {
  readonly replyIndex: number;
  readonly keyIndex: number;
  readonly identity?: string;
  readonly keyFingerprint?: string;
}

const NOBODY: Reader = { replyIndex: -1, keyIndex: -1 };

export class DecodedPacket {
  /** Not encrypted at all: its exit could read it. */
  readonly wasPlaintext: boolean;
  /** Index into the secrets for a reply, else -1. */
  readonly replyIndex: number;
  /** Index into the keys for an encrypted message, else -1. */
  readonly keyIndex: number;
  /** The identity whose secret opened a reply; empty for the default one, undefined for what is no reply. */
  readonly identity: string | undefined;
  /** The fingerprint of the key that opened an encrypted message. */
  readonly keyFingerprint: string | undefined;
  /** The fields of its payload, or what its exit made of it. */
  readonly contents: Contents;

  /** `decodePacket` makes these. */
  constructor(contents: Contents, reader: Reader) {
    this.contents = contents;
    this.replyIndex = reader.replyIndex;
    this.keyIndex = reader.keyIndex;
    this.identity = reader.identity;
    this.keyFingerprint = reader.keyFingerprint;
    this.wasPlaintext = reader.replyIndex < 0 && reader.keyIndex < 0;
  }

  get isFragment(): boolean {
    return this.contents.kind === 'fragment';
  }

  /** Octets of the compressed message, of all of it for a fragment; of the text for one that its exit inflated. */
  get compressedLength(): number {
    const { contents } = this;
    if (contents.kind === 'fragment') return contents.messageSize;
    return contents.kind === 'message' ? contents.message.length : contents.compressed.length;
  }

  /** The id that all fragments of one message share, 20 octets. Throws Mix3BadArgsError for what is no fragment. */
  get messageId(): Buffer {
    return this.#fragment().messageId;
  }

  /** The place of a fragment in its message. Throws Mix3BadArgsError for what is no fragment. */
  get fragmentIndex(): number {
    return this.#fragment().index;
  }

  /**
   * The message of a packet that is no fragment. Throws Mix3BadArgsError for a fragment, Mix3OvercompressedError beyond
   * the limit unless forced, Mix3BadFormatError for what is no compressed message.   spec: mixminion-e2e 3.1
   */
  getMessage(reading: MessageReading = {}): Buffer {
    return asApi(() => {
      const { contents } = this;
      const { force = false } = reading;
      switch (contents.kind) {
        case 'fragment':
          throw new Mix3BadArgsError('a fragment alone is no message', { remedy: 'assemble it with the others' });
        case 'message':
          return contents.message; // its exit took the header block off
        case 'overcompressed':
          if (!force) throw new Mix3OvercompressedError('its exit did not inflate this message', contents.compressed);
          return inflated(contents.compressed, Number.POSITIVE_INFINITY, reading);
        case 'singleton':
          return inflated(contents.compressed, singletonLimit(contents.compressed.length), reading);
      }
    });
  }

  #fragment() {
    if (this.contents.kind !== 'fragment') throw new Mix3BadArgsError('this packet is no fragment');
    return this.contents;
  }
}

/**
 * The next packet of the input, and what follows it: an armoured message, 28672 octets of a payload, or a payload with
 * its tag. Throws Mix3BadFormatError when there is none or it is damaged, Mix3UndecodableError when no key and no secret
 * fits.   spec: mixminion-client-api 9
 */
export const decodePacket = apiFunction(
  (
    input: string | Uint8Array | TaggedPayload,
    options: DecodeOptions = {},
  ): { packet: DecodedPacket; rest: Buffer } => {
    if (typeof input === 'object' && 'payload' in input)
      return { packet: opened(asBuffer(input.payload), input.tag, options), rest: Buffer.alloc(0) };
    const octets = typeof input === 'string' ? Buffer.from(input) : asBuffer(input);
    if (!(options.text ?? typeof input === 'string')) {
      if (octets.length < PAYLOAD_LENGTH) throw new Mix3BadFormatError(`a payload has ${PAYLOAD_LENGTH} octets`);
      const packet = opened(octets.subarray(0, PAYLOAD_LENGTH), undefined, options);
      return { packet, rest: octets.subarray(PAYLOAD_LENGTH) };
    }
    const end = endOfFirstBlock(octets, 'TYPE III ANONYMOUS MESSAGE') ?? octets.length;
    const [message] = readMessages(octets.subarray(0, end));
    if (message === undefined) throw new Mix3BadFormatError('there is no anonymous message in the text');
    return { packet: decodeDelivered(message, options), rest: octets.subarray(end) };
  },
);

/**
 * Every armoured message of a text (strings or octets), or every payload of octets when `text` is false. None is no
 * error; errors as `decodePacket`.
 */
export const decodeAll = apiFunction((input: string | Uint8Array, options: DecodeOptions = {}): DecodedPacket[] => {
  const octets = typeof input === 'string' ? Buffer.from(input) : asBuffer(input);
  if (options.text ?? true) return readMessages(octets).map((message) => decodeDelivered(message, options));
  const packets: DecodedPacket[] = [];
  for (let rest = octets; rest.length > 0; ) {
    const next = decodePacket(rest, options);
    packets.push(next.packet);
    rest = next.rest;
  }
  return packets;
});

/**
 * The message out of fragments in any order. Throws Mix3NeedMoreFragmentsError, Mix3OvercompressedError unless forced,
 * Mix3BadFormatError when they are not of one message to one reader.   spec: mixminion-client-api 9; mixminion-e2e 3.1
 */
export const assembleFragments = apiFunction(
  (packets: readonly DecodedPacket[], reading: MessageReading = {}): Buffer => {
    const [first] = packets;
    const fragments = packets.map((packet) => {
      if (packet.contents.kind !== 'fragment') throw new Mix3BadArgsError('one of these is no fragment');
      if (first && !ofOneReader(packet, first)) throw new Mix3BadFormatError('the fragments came for two identities');
      return packet.contents;
    });
    return inflatedWhole(assemble(fragments), reading);
  },
);

/** A message put together from fragments, inflated within the limit of those. */
export function inflatedWhole(compressed: Buffer, reading: MessageReading): Buffer {
  return inflated(compressed, reassembledLimit(compressed.length), reading);
}

function inflated(compressed: Buffer, limit: number, { force = false, stripHeaders = false }: MessageReading): Buffer {
  const message = decompress(compressed, force ? Number.POSITIVE_INFINITY : limit);
  return stripHeaders ? parseHeaderBlock(message).body : message;
}

function ofOneReader(a: DecodedPacket, b: DecodedPacket): boolean {
  return a.keyFingerprint === b.keyFingerprint && a.identity === b.identity;
}

/** An armoured message as `readMessages` gives it. Errors as `decodePacket`, some of them of the layers. */
export function decodeDelivered({ type, contents, tag }: AnonymousMessage, options: DecodeOptions): DecodedPacket {
  switch (type) {
    case 'plaintext':
    case 'binary':
      return new DecodedPacket({ kind: 'message', message: contents }, NOBODY);
    case 'overcompressed':
      return new DecodedPacket({ kind: 'overcompressed', compressed: contents }, NOBODY);
    case 'encrypted':
      return opened(contents, tag, options);
    case 'fragment': {
      const found = recognizePayload(contents);
      if (found?.kind !== 'fragment') throw new Mix3BadFormatError('this is called a fragment and is none');
      return new DecodedPacket(found, NOBODY);
    }
  }
}

function opened(payload: Buffer, tag: Uint8Array | undefined, options: DecodeOptions): DecodedPacket {
  const { keys = [], secrets = [] } = options;
  const known = secrets.map((secret, index) => ({ secret: secret.bytes, identity: secret.identity, index }));
  const decoded = decodePayload(payload, tag === undefined ? undefined : asBuffer(tag), known, keys);
  switch (decoded?.how) {
    case undefined:
      throw new Mix3UndecodableError('none of the keys and secrets opens this packet');
    case 'plaintext':
      return new DecodedPacket(decoded.payload, NOBODY);
    case 'reply': {
      const { index, identity } = decoded.key;
      return new DecodedPacket(decoded.payload, { replyIndex: index, keyIndex: -1, identity });
    }
    case 'encrypted-forward':
      return new DecodedPacket(decoded.payload, {
        replyIndex: -1,
        keyIndex: keys.indexOf(decoded.key),
        keyFingerprint: decoded.key.publicKey.fingerprint,
      });
  }
}
