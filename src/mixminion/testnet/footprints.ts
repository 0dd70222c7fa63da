// Follows one packet through a test network, hop by hop: only who holds the keys of all remailers can do that.

import { toHex } from '../../base/bytes.ts';
import { sha1 } from '../../crypto/hash.ts';
import type { Acknowledgement } from '../mmtp/carrier.ts';
import { unwrap } from '../packet/unwrap.ts';
import type { Testnet } from './testnet.ts';
import type { TestnetNode } from './testnet-node.ts';

/** A packet's stay at one remailer, as it looks to whoever holds that remailer's key. */
export interface Step {
  readonly node: TestnetNode;
  /** What the remailer does with it: `crossover` takes the second half of the path in front. */
  readonly task: 'relay' | 'crossover' | 'deliver';
  /** SHA-1 of the packet as it comes in, in hex: nothing of it is seen again in what goes out. */
  readonly digest: string;
  /** The packet as it comes in. */
  readonly packet: Uint8Array;
}

/** The way that a packet will take from `first` on. Throws what `unwrap` throws when it is none of the network's. */
export function wayOf(net: Testnet, packet: Uint8Array, first: TestnetNode): Step[] {
  const steps: Step[] = [];
  let node: TestnetNode | undefined = first;
  for (let octets = packet; node !== undefined; ) {
    const opened = unwrap(octets, node.keys);
    const digest = toHex(sha1(octets));
    if (opened.result !== 'relay') {
      steps.push({ node, task: 'deliver', digest, packet: octets });
      break;
    }
    steps.push({ node, task: opened.swap ? 'crossover' : 'relay', digest, packet: octets });
    const { next } = opened;
    node = net.nodes.find(({ at }) => at.host === next.host && at.port === next.port);
    octets = opened.packet;
  }
  return steps;
}

/** Tells of each step when the remailer has taken the packet. Returns the end of it. */
export function follow(steps: readonly Step[], told: (step: Step, answer: Acknowledgement) => void): () => void {
  const watched = steps.map((step) => {
    const witness = (packet: Buffer, answer: Acknowledgement) => {
      if (toHex(sha1(packet)) === step.digest) told(step, answer);
    };
    step.node.witnesses.add(witness);
    return () => step.node.witnesses.delete(witness);
  });
  return () => {
    for (const end of watched) end();
  };
}
