// Packets for nodes under test, built for one hop or more with the keys of the vectors.

import { systemRandom } from '../../src/base/random.ts';
import type { RsaPrivateKey } from '../../src/crypto/rsa.ts';
import { buildForwardPacket } from '../../src/mixminion/packet/build.ts';
import { PAYLOAD_LENGTH } from '../../src/mixminion/packet/layout.ts';
import type { PathNode } from '../../src/mixminion/packet/path.ts';
import { type HopAddress, type Instruction, RoutingType, randomTag } from '../../src/mixminion/packet/routing.ts';

const random = { build: systemRandom, oaep: systemRandom };

export function hopAddress(name: string): HopAddress {
  return { form: 'host', host: `${name.toLowerCase()}.example.net`, port: 48099, keyId: Buffer.alloc(20, name) };
}

export function pathNode(name: string, key: RsaPrivateKey): PathNode {
  return { address: hopAddress(name), packetKey: key.publicKey };
}

/** Delivery to a local user, the tag in front. */
export function toUser(user: string): Instruction {
  return { routingType: RoutingType.MBOX, routingInfo: Buffer.concat([randomTag(systemRandom), Buffer.from(user)]) };
}

/** A packet over `path`, which has two nodes or more. */
export function packetOver(
  path: readonly PathNode[],
  exit: Instruction = toUser('alice'),
  payload: Buffer = systemRandom.bytes(PAYLOAD_LENGTH),
): Buffer {
  return buildForwardPacket({ path1: path.slice(0, 1), path2: path.slice(1), exit, payload }, random);
}
