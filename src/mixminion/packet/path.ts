// The servers of one leg, and what each of them is told.

import type { RsaPublicKey } from '../../crypto/rsa.ts';
import { ContentError } from './errors.ts';
import { type HeaderHop, requireFit } from './header.ts';
import { RSA_BLOCK } from './layout.ts';
import { type HopAddress, type Instruction, relayTo } from './routing.ts';

/** A server on a path. */
export interface PathNode {
  readonly address: HopAddress;
  /** 2048 bits. */
  readonly packetKey: RsaPublicKey;
}

/** A hop that lacks only its secret. */
export type PlannedHop = Omit<HeaderHop, 'secret'>;

/**
 * Each node passes the packet on to the next, the last one does what `last` says. Throws PathTooLongError when that
 * does not fit into one header, ContentError when a packet key is not of 2048 bits.   spec: mixminion-packet 5
 */
export function instruct(path: readonly PathNode[], last: Instruction, leg: 1 | 2): PlannedHop[] {
  const plan = path.map(({ packetKey }, index) => {
    if (packetKey.size !== RSA_BLOCK) throw new ContentError('argument', 'a packet key has 2048 bits');
    const next = path[index + 1];
    const { routingType, routingInfo } = next === undefined ? last : relayTo(next.address, false);
    return { packetKey, routingType, routingInfo };
  });
  requireFit(plan, leg);
  return plan;
}
