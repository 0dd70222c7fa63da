// Building packets: forward over two legs, or over one leg and the header of a reply block.

import type { Random } from '../../base/random.ts';
import { sha1 } from '../../crypto/hash.ts';
import { LIONESS_ROOM, lionessDecryptAt, lionessEncryptAt, lionessKeys } from '../../crypto/lioness.ts';
import { ContentError } from './errors.ts';
import { buildHeader, type HeaderHop } from './header.ts';
import { HEADER_LENGTH, Mode, PACKET_LENGTH, PAYLOAD_LENGTH, SECRET_LENGTH } from './layout.ts';
import { instruct, type PathNode, type PlannedHop } from './path.ts';
import { type Instruction, isExitType, isSwapType, RoutingType, relayTo } from './routing.ts';
import type { Surb } from './surb.ts';

/**
 * The two sources of a packet's randomness, `systemRandom` twice in production. `build` gives the secrets of leg 1 in
 * path order, those of leg 2, the padding of header 2, the padding of header 1; `oaep` gives 20 octets for each RSA
 * block: header 2 from its last hop to its first, then header 1.
 */
export interface PacketRandom {
  readonly build: Random;
  readonly oaep: Random;
}

export interface ForwardPacket {
  /** To the crossover, inclusive. */
  readonly path1: readonly PathNode[];
  /** From there to the exit, inclusive. */
  readonly path2: readonly PathNode[];
  /** For the last node: a type of 0x0100 or more, or DROP; the info with its tag where the type has one. */
  readonly exit: Instruction;
  /** 28672 octets. */
  readonly payload: Uint8Array;
}

export interface ReplyPacket {
  readonly path1: readonly PathNode[];
  /** Takes the place of leg 2. Good for one packet. */
  readonly surb: Surb;
  /** 28672 octets. */
  readonly payload: Uint8Array;
}

/**
 * The 32768 octets to hand to the first server of `path1`. Throws PathTooLongError when a leg does not fit, ContentError
 * when the arguments make no packet.   spec: mixminion-packet 6
 */
export function buildForwardPacket({ path1, path2, exit, payload }: ForwardPacket, random: PacketRandom): Buffer {
  const [crossed] = path2;
  if (crossed === undefined) throw new ContentError('argument', 'a forward packet has a second leg');
  if (exit.routingType !== RoutingType.DROP && !isExitType(exit.routingType)) {
    throw new ContentError('routing-type', 'the last hop is told to deliver or to drop');
  }
  const plan1 = instruct(path1, relayTo(crossed.address, true), 1);
  const plan2 = instruct(path2, exit, 2);
  const packet = withPayload(payload);
  const leg1 = drawSecrets(plan1, random.build);
  const leg2 = drawSecrets(plan2, random.build);
  packet.set(buildHeader(leg2, 2, random.build, random.oaep), HEADER_LENGTH);
  for (const { secret } of leg2.toReversed()) lionessEncryptAt(lionessKeys(secret, Mode.payload), packet, ...PAYLOAD);
  return finish(packet, leg1, random);
}

/** The same for a reply: the reply block gives the second header and the crossover's instruction.   spec: mixminion-packet 6 */
export function buildReplyPacket({ path1, surb, payload }: ReplyPacket, random: PacketRandom): Buffer {
  if (!isSwapType(surb.routingType)) throw new ContentError('routing-type', 'a reply block begins behind a crossover');
  const plan1 = instruct(path1, surb, 1);
  const packet = withPayload(payload);
  const leg1 = drawSecrets(plan1, random.build);
  packet.set(surb.header, HEADER_LENGTH);
  // Backwards, so that the recipient undoes this and every hop of the second leg by encrypting.   spec: mixminion-e2e 5.3
  lionessDecryptAt(lionessKeys(surb.key, Mode.payload), packet, ...PAYLOAD);
  return finish(packet, leg1, random);
}

const HEADER2 = [HEADER_LENGTH, 2 * HEADER_LENGTH] as const;
const PAYLOAD = [2 * HEADER_LENGTH, PACKET_LENGTH] as const;

function drawSecrets(plan: readonly PlannedHop[], random: Random): HeaderHop[] {
  return plan.map((hop) => ({ ...hop, secret: random.bytes(SECRET_LENGTH) }));
}

function withPayload(payload: Uint8Array): Buffer {
  if (payload.byteLength !== PAYLOAD_LENGTH) {
    throw new ContentError('argument', `a payload has ${PAYLOAD_LENGTH} octets`);
  }
  const packet = Buffer.alloc(PACKET_LENGTH + LIONESS_ROOM);
  packet.set(payload, PAYLOAD[0]);
  return packet;
}

/** Entwines header 2 and payload, wraps both for leg 1, and puts header 1 in front. */
function finish(packet: Buffer, leg1: readonly HeaderHop[], random: PacketRandom): Buffer {
  packet.set(buildHeader(leg1, 1, random.build, random.oaep));
  const hidden = lionessKeys(sha1(packet.subarray(...PAYLOAD)), Mode.hideHeader);
  lionessEncryptAt(hidden, packet, ...HEADER2);
  lionessEncryptAt(lionessKeys(sha1(packet.subarray(...HEADER2)), Mode.hidePayload), packet, ...PAYLOAD);
  for (const { secret } of leg1.toReversed()) {
    lionessEncryptAt(lionessKeys(secret, Mode.header), packet, ...HEADER2);
    lionessEncryptAt(lionessKeys(secret, Mode.payload), packet, ...PAYLOAD);
  }
  return packet.subarray(0, PACKET_LENGTH);
}
