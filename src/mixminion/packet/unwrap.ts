// One hop: a server opens its layer of a packet and learns what to do with the rest. Remembering packets that were
// seen before is the server's part; here it gets the hash to remember.

import { equalBytes } from '../../base/bytes.ts';
import { aesCtrInPlace } from '../../crypto/aes-ctr.ts';
import { CryptoError } from '../../crypto/errors.ts';
import { sha1 } from '../../crypto/hash.ts';
import { LIONESS_ROOM, lionessDecryptAt, lionessKeys, subkey } from '../../crypto/lioness.ts';
import type { RsaPrivateKey } from '../../crypto/rsa.ts';
import { ContentError, ParseError } from './errors.ts';
import { HEADER_LENGTH, HOP_OVERHEAD, Mode, PACKET_LENGTH, PAYLOAD_LENGTH, RSA_BLOCK } from './layout.ts';
import { type HopAddress, isExitType, isRelayType, isSwapType, parseHopAddress, RoutingType } from './routing.ts';
import { INLINE_LENGTH, parseSubheader, type Subheader, VERSION_MAJOR, VERSION_MINOR } from './subheader.ts';

const REST_LENGTH = HEADER_LENGTH - RSA_BLOCK;

interface Seen {
  /** 20 octets. When the log of the key that opened the packet has it already, the packet is a replay: drop it. */
  readonly replayHash: Buffer;
  /** Which of the given keys opened the packet. */
  readonly keyIndex: number;
}

export interface Relayed extends Seen {
  readonly result: 'relay';
  readonly next: HopAddress;
  /** Whether this hop was the crossover. */
  readonly swap: boolean;
  /** 32768 octets. */
  readonly packet: Buffer;
}

export interface Delivered extends Seen {
  readonly result: 'deliver';
  readonly routingType: number;
  /** Tag and address: see `splitExitInfo`. */
  readonly routingInfo: Buffer;
  /** 16 octets that the exit and the builder share. */
  readonly applicationKey: Buffer;
  /** 28672 octets. */
  readonly payload: Buffer;
}

export interface Dropped extends Seen {
  readonly result: 'drop';
}

/**
 * Opens one layer with the first of `keys` that fits: all packet keys in force, the newest first. `packet` is left as it
 * is. Throws ParseError, CryptoError or ContentError; an error that has a `replayHash` burns it as a good packet
 * would.   spec: mixminion-packet 7
 */
export function unwrap(packet: Uint8Array, keys: readonly RsaPrivateKey[]): Relayed | Delivered | Dropped {
  if (packet.byteLength !== PACKET_LENGTH)
    throw new ParseError('packet-length', `a packet has ${PACKET_LENGTH} octets`);
  const { keyIndex, plain } = openFirst(packet.subarray(0, RSA_BLOCK), keys);
  const subheader = parseSubheader(plain);
  const { major, minor, secret, digest, routingType } = subheader;
  if (major !== VERSION_MAJOR || minor !== VERSION_MINOR) throw new ContentError('version', 'packets have version 0.3');
  const rest = packet.subarray(RSA_BLOCK, HEADER_LENGTH);
  if (!equalBytes(sha1(rest), digest)) throw new ContentError('digest', 'the header was changed on its way');

  const seen = { replayHash: sha1(secret, Buffer.from(Mode.replay)), keyIndex };
  if (routingType === RoutingType.DROP) return { result: 'drop', ...seen };
  if (isExitType(routingType)) return deliver(packet, subheader, seen);
  if (!isRelayType(routingType)) throw new ContentError('routing-type', 'nobody defined this type', seen.replayHash);
  return relay(packet, subheader, seen);
}

function openFirst(block: Uint8Array, keys: readonly RsaPrivateKey[]): { keyIndex: number; plain: Buffer } {
  for (const [keyIndex, key] of keys.entries()) {
    try {
      return { keyIndex, plain: key.decrypt(block) };
    } catch (error) {
      if (!(error instanceof CryptoError)) throw error;
    }
  }
  throw new CryptoError('undecryptable', 'no packet key opens this');
}

/** The exit: the second header is of no use here.   spec: mixminion-packet 7 */
function deliver(packet: Uint8Array, subheader: Subheader, seen: Seen): Delivered {
  const { secret, routingType, routingLength, inline } = subheader;
  const payload = Buffer.allocUnsafeSlow(PAYLOAD_LENGTH + LIONESS_ROOM);
  payload.set(packet.subarray(2 * HEADER_LENGTH));
  payload.fill(0, PAYLOAD_LENGTH);
  lionessDecryptAt(lionessKeys(secret, Mode.payload), payload, 0, PAYLOAD_LENGTH);
  return {
    result: 'deliver',
    ...seen,
    routingType,
    // Only an address that overflows makes an exit open the rest of its header.
    routingInfo: routingLength > INLINE_LENGTH ? openHeader(packet, subheader).routingInfo : inline,
    applicationKey: subkey(secret, Mode.application),
    payload: payload.subarray(0, PAYLOAD_LENGTH),
  };
}

function relay(packet: Uint8Array, subheader: Subheader, seen: Seen): Relayed {
  const { secret, routingType } = subheader;
  const { header, routingInfo } = openHeader(packet, subheader);
  const next = nextHop(routingType, routingInfo, seen.replayHash);

  // Each part is opened where it lies in the packet that goes out: behind a crossover the headers stand the other way.
  const swap = isSwapType(routingType);
  const opened = Buffer.allocUnsafeSlow(PACKET_LENGTH + LIONESS_ROOM);
  const header2 = [swap ? 0 : HEADER_LENGTH, swap ? HEADER_LENGTH : 2 * HEADER_LENGTH] as const;
  const payload = [2 * HEADER_LENGTH, PACKET_LENGTH] as const;
  opened.set(header, swap ? HEADER_LENGTH : 0);
  opened.set(packet.subarray(HEADER_LENGTH, 2 * HEADER_LENGTH), header2[0]);
  opened.set(packet.subarray(2 * HEADER_LENGTH), payload[0]);
  opened.fill(0, PACKET_LENGTH);
  lionessDecryptAt(lionessKeys(secret, Mode.payload), opened, ...payload);
  lionessDecryptAt(lionessKeys(secret, Mode.header), opened, ...header2);
  if (swap) {
    lionessDecryptAt(lionessKeys(sha1(opened.subarray(...header2)), Mode.hidePayload), opened, ...payload);
    lionessDecryptAt(lionessKeys(sha1(opened.subarray(...payload)), Mode.hideHeader), opened, ...header2);
  }
  return { result: 'relay', ...seen, next, swap, packet: opened.subarray(0, PACKET_LENGTH) };
}

/** The header for the next hop, and the whole routing info.   spec: mixminion-packet 7 */
function openHeader(packet: Uint8Array, subheader: Subheader): { header: Buffer; routingInfo: Buffer } {
  const { secret, routingLength, inline, underflow } = subheader;
  const open = Buffer.alloc(REST_LENGTH + HOP_OVERHEAD + routingLength);
  open.set(packet.subarray(RSA_BLOCK, HEADER_LENGTH));
  aesCtrInPlace(subkey(secret, Mode.junk), open.subarray(REST_LENGTH)); // over zeros: the junk itself
  aesCtrInPlace(subkey(secret, Mode.headerSecret), open);
  const overflow = Math.max(0, routingLength - INLINE_LENGTH);
  return {
    header: Buffer.concat([underflow, open.subarray(overflow)]),
    routingInfo: Buffer.concat([inline, open.subarray(0, overflow)]),
  };
}

function nextHop(routingType: number, routingInfo: Buffer, replayHash: Buffer): HopAddress {
  try {
    return parseHopAddress({ routingType, routingInfo });
  } catch (error) {
    throw error instanceof ParseError ? new ParseError(error.code, error.message, replayHash) : error;
  }
}
