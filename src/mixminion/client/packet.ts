// One packet around one payload, with the server that it goes to first.   spec: mixminion-client-api 6

import { type Random, systemRandom } from '../../base/random.ts';
import { type Address, exitOf } from '../directory/address.ts';
import type { ServerDescriptor } from '../directory/descriptor.ts';
import { nodeOf } from '../directory/path-choice.ts';
import type { Hop } from '../mmtp/link.ts';
import { buildForwardPacket, buildReplyPacket } from '../packet/build.ts';
import { PACKET_LENGTH } from '../packet/layout.ts';
import { hasTag, type Instruction, RoutingType, randomTag } from '../packet/routing.ts';
import { Mix3BadArgsError } from './errors.ts';
import type { Payload } from './package-message.ts';
import type { Surb } from './surb.ts';
import { apiFunction } from './translate.ts';

export class Packet {
  /** 32768 octets. */
  readonly bytes: Buffer;
  /** Where to hand it in. */
  readonly firstHop: Hop;

  /** Throws Mix3BadArgsError for another length. */
  constructor(bytes: Uint8Array, firstHop: Hop) {
    if (bytes.byteLength !== PACKET_LENGTH) throw new Mix3BadArgsError(`a packet has ${PACKET_LENGTH} octets`);
    this.bytes = Buffer.from(bytes);
    this.firstHop = firstHop;
  }
}

export interface PacketOptions {
  readonly path1: readonly ServerDescriptor[];
  /** The second leg of a packet of one's own ... */
  readonly path2?: readonly ServerDescriptor[] | undefined;
  /** ... or the reply block that gives it: one of the two. Have a `SurbLog` mark it as used before. */
  readonly surb?: Surb | undefined;
  /** The recipient, as it was packaged for; a reply has none, or `{ type: 'reply' }`. */
  readonly address?: Address | undefined;
  readonly payload: Payload;
  /** The tag (1 octet, then 19) where one is drawn, secrets of both legs (16 each), padding of header 2, of header 1. */
  readonly random?: Random;
  /** OAEP seeds, 20 octets a hop: header 2 from its last hop to its first, then header 1; `random` when not given. */
  readonly oaepRandom?: Random;
}

/**
 * Builds the packet. Throws Mix3BadArgsError when the arguments make none, Mix3PathTooLongError when a leg and the
 * address do not fit into a header.   spec: mixminion-client-api 6
 */
export const generatePacket = apiFunction((options: PacketOptions): Packet => {
  const { payload, surb, path2, address, random = systemRandom, oaepRandom = random } = options;
  const sources = { build: random, oaep: oaepRandom };
  const path1 = options.path1.map(nodeOf);
  const [first] = options.path1;
  const [entry] = path1;
  if (first === undefined || entry === undefined) throw new Mix3BadArgsError('a packet needs a first leg');
  if ((surb === undefined) === (path2 === undefined))
    throw new Mix3BadArgsError('a packet has either a second leg or a reply block');
  const { host, port, keyId } = entry.address;
  const firstHop = { host, port, keyId, nickname: first.nickname };
  if (surb !== undefined) {
    requireReply(address, payload);
    return new Packet(buildReplyPacket({ path1, surb: surb.block, payload: payload.bytes }, sources), firstHop);
  }
  const forward = {
    path1,
    path2: (path2 ?? []).map(nodeOf),
    exit: instructionOf(address, payload, random),
    payload: payload.bytes,
  };
  return new Packet(buildForwardPacket(forward, sources), firstHop);
});

function requireReply(address: Address | undefined, { kind, decodingHandle }: Payload): void {
  if (address !== undefined && address.type !== 'reply')
    throw new Mix3BadArgsError('the address of a reply is inside its reply block');
  if (decodingHandle !== null || kind === 'server-fragment')
    throw new Mix3BadArgsError('this payload was packaged for an address, not for a reply');
}

/** What the last hop is told.   spec: mixminion-client-api 6; mixminion-packet 4.3; mixminion-e2e 5.1 */
function instructionOf(address: Address | undefined, payload: Payload, random: Random): Instruction {
  const { kind, decodingHandle } = payload;
  const nothing = Buffer.alloc(0);
  if (kind === 'server-fragment') return { routingType: RoutingType.FRAGMENT, routingInfo: nothing };
  if (kind === 'random' && address === undefined) return { routingType: RoutingType.DROP, routingInfo: nothing };
  if (address === undefined) throw new Mix3BadArgsError('a packet needs an address');
  const { routingType, routingInfo, tagged } = exitOf(address);
  if (tagged && hasTag(routingType))
    return { routingType, routingInfo: Buffer.concat([decodingHandle ?? randomTag(random), routingInfo]) };
  if (decodingHandle !== null) throw new Mix3BadArgsError('exits of this type hand over no decoding handle');
  return { routingType, routingInfo };
}
