// Packets that a remailer makes itself: pings of its pinger, and replies that other counters send. They go through the
// remailer's own pool first, so that they leave among those of others.   spec: mixminion-server 5

import { toHex } from '../../base/bytes.ts';
import type { Random } from '../../base/random.ts';
import type { Clock } from '../../base/time.ts';
import type { ServerDescriptor } from '../directory/descriptor.ts';
import { generatePaths } from '../directory/path-choice.ts';
import { PathSpec } from '../directory/path-spec.ts';
import { buildForwardPacket, buildReplyPacket } from '../packet/build.ts';
import type { PathNode } from '../packet/path.ts';
import type { Surb } from '../packet/surb.ts';
import type { DirectoryView } from './directory/node-directory.ts';
import type { KeyStore } from './keys/key-store.ts';
import type { OutgoingPing } from './pinger/pinger.ts';

/** What packets of the remailer's own are made from. */
export interface OwnPackets {
  readonly keys: KeyStore;
  readonly directory: DirectoryView;
  readonly random: Random;
  readonly clock: Clock;
}

/** The other servers of today's directory that take packets, by KEYID in hex. */
export function peersOf({ keys, directory }: Pick<OwnPackets, 'keys' | 'directory'>): Map<string, PathNode> {
  const own = keys.identity.publicKey.digest;
  const usable = directory.current()?.getServers({ capabilities: { relay: true } }) ?? [];
  const peers = usable.filter(({ keyId }) => !keyId.equals(own)).flatMap(pathNodeOf);
  return new Map(peers.map((peer) => [toHex(peer.address.keyId), peer]));
}

/** From this remailer over others and back to it. Throws RangeError when the directory no longer has one of them. */
export function buildPing({ path, exit, payload }: OutgoingPing, own: OwnPackets): Buffer {
  const self = selfNode(own.keys);
  const peers = peersOf(own);
  const hops = path.map((id) => peers.get(id) ?? missingKey());
  const path1 = [self, ...hops];
  return buildForwardPacket({ path1, path2: [self], exit, payload }, { build: own.random, oaep: own.random });
}

/** Builds one reply packet over a way that was chosen for it. */
export type ReplyBuilder = (surb: Surb, payload: Buffer) => Buffer;

/** As `MixService.replyWays`: for each way, what builds the packet that goes by it. */
export function replyBuilders(count: number, spec: string, own: OwnPackets): ReplyBuilder[] | undefined {
  const { keys, random, clock } = own;
  const directory = own.directory.current();
  if (directory === undefined) return undefined;
  const request = { directory, spec: PathSpec.parse(spec, { kind: 'reply' }), address: { type: 'reply' } } as const;
  return generatePaths(count, { ...request, random, clock }).map(({ path1 }) => (surb, payload) => {
    const way = [selfNode(keys), ...path1.flatMap(pathNodeOf)];
    return buildReplyPacket({ path1: way, surb, payload }, { build: random, oaep: random });
  });
}

/** This remailer as its descriptors have it now: packets of its own begin here, and may end here. */
function selfNode({ identity, profile, live }: KeyStore): PathNode {
  const { hostname, port } = profile.incoming ?? missingKey();
  const address = { form: 'host', host: hostname, port, keyId: identity.publicKey.digest } as const;
  return { address, packetKey: (live[0] ?? missingKey()).key.publicKey };
}

function pathNodeOf({ hostname, port, keyId, packetKey }: ServerDescriptor): PathNode[] {
  if (hostname === undefined || port === undefined) return [];
  return [{ address: { form: 'host', host: hostname, port, keyId }, packetKey }];
}

function missingKey(): never {
  throw new RangeError('there is no address or packet key for a hop');
}
